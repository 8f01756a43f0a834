"""``dagen ui``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options

if TYPE_CHECKING:
    import subprocess

_HOST = "127.0.0.1"
_HOW = """
  {runs}

  Columns: method, network, steps, the task's headline score on the target, its gain, the source's.
  Charts:  the button with the curve, left of the search; parallel coordinates come first.
  Compare: tick two or more runs, then "Compare".
  Seeds:   "Views", then "dagen: mean over seeds".
  Report:  dagen report RUN RUN writes one page about runs.

Press Ctrl-C to stop."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(ui)


def ui(
    runs: options.Runs = Path("runs"),
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
    experiment: Annotated[
        str | None, typer.Option(help="MLflow experiment to show; otherwise the newest run's.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Serve the MLflow UI for the runs, with columns and charts that compare methods."""
    from dagen.tracking.delivery import deliver_pending
    from dagen.tracking.store import ui_command
    from dagen.tracking.view import address, prepare

    command = ui_command(runs, port)
    _require_free(port)
    deliver_pending(runs)  # what MLflow missed while it was out of reach
    where = address(f"http://{_HOST}:{port}", prepare(runs, experiment))
    typer.echo("Starting the MLflow UI ...")
    with _served(command) as server:
        if _answers(server, port):
            typer.echo(_HOW.format(runs=where))
            if open_:
                typer.launch(where)
            server.wait()
    raise typer.Exit(server.returncode if server.returncode > 0 else 0)


def _require_free(port: int) -> None:
    import socket

    from dagen.errors import UsageError

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, port))
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be used ({error.strerror}); give another, such as "
                f"--port {port + 1 if port < 65535 else port - 1}."
            ) from None


@contextmanager
def _served(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server, for the duration of the block; it ends with this process in any case."""
    import signal
    import subprocess

    from dagen.tracking.store import ui_environment

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    server = subprocess.Popen(command, env=ui_environment())
    try:
        yield server
    except KeyboardInterrupt:
        typer.echo("The MLflow UI has ended.")
    finally:
        server.terminate()
        server.wait()
        signal.signal(signal.SIGTERM, before)


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers; False if it ends before that, after printing why."""
    import http.client
    import time

    while server.poll() is None:
        connection = http.client.HTTPConnection(_HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)
        finally:
            connection.close()
    return False
