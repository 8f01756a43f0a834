"""The ``dagen`` command: parse, call one function, print."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from dagen.cli import (
    benchmark,
    compress,
    data,
    evaluate,
    export,
    lists,
    predict,
    profile,
    prune,
    report,
    runs,
    share,
    teacher,
    ui,
    visualize,
)
from dagen.cli._messages import Commands
from dagen.cli._speaking import one_voice, require_alone, speaks
from dagen.errors import DagenError, short
from dagen.system.memory import keep_freed_memory
from dagen.version import __version__

app = typer.Typer(
    name="dagen",
    cls=Commands,
    help="Domain adaptation and generalization of tiny semantic segmentation networks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
runs.add_to(app)
benchmark.add_to(app)
evaluate.add_to(app)
predict.add_to(app)
export.add_to(app)
compress.add_to(app)
prune.add_to(app)
share.add_to(app)
visualize.add_to(app)
app.add_typer(data.app, name="data")
app.add_typer(lists.app, name="list")
app.add_typer(teacher.app, name="teacher")
profile.add_to(app)
report.add_to(app)
ui.add_to(app)

_debug = False


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dagen {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    global _debug
    _debug = debug
    require_alone(ctx.invoked_subcommand or "")


def main() -> None:
    """Run the command line; errors that a user can fix print one line and set the exit code."""
    level = logging.WARNING if speaks() else logging.ERROR
    logging.basicConfig(level=level, format="dagen: %(message)s")
    # Before torch is imported: OpenMP threads that spin while idle starve the loader processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    try:
        with one_voice():
            app()
    except DagenError as error:
        if _debug:
            raise
        typer.echo(f"dagen: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # of a file that no message of its own is about
        if _debug or error.filename is None or error.strerror is None:
            raise
        typer.echo(
            f"dagen: {short(str(error.filename), 200)}: {error.strerror.lower()}; check the path, "
            "and whether you may read it.",
            err=True,
        )
        sys.exit(1)
    except ModuleNotFoundError as error:
        if _debug or error.name is None or error.name.partition(".")[0] == "dagen":
            raise
        # Other extras have messages of their own, so this is a package of training.
        typer.echo(
            f"dagen: this needs the package {error.name}: pip install 'dagen[train]'. Without it, "
            "dagen predict works with exported files (.onnx).",
            err=True,
        )
        sys.exit(2)
    except (KeyboardInterrupt, SystemExit) as error:
        # Typer turns Ctrl-C into an exit of its own, without a word.
        if isinstance(error, SystemExit) and error.code != 130:
            raise
        typer.echo("dagen: interrupted; run the same command again to resume.", err=True)
        sys.exit(130)
