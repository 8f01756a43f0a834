"""``dagen push`` and ``dagen pull``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dagen.cli import options
from dagen.errors import UsageError, short


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(push)
    app.command()(pull)


def push(
    model: options.Finished,
    repository: Annotated[str, typer.Argument(help="USER/NAME on the Hugging Face Hub.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights, such as Apache-2.0.")],
    notes: Annotated[
        Path | None, typer.Option(help="Markdown file whose text the model card gets.")
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8", help="Upload an ONNX file in 8 bits as well.")
    ] = False,
    calibrate: options.Calibrate = None,
    private: Annotated[
        bool, typer.Option("--private", help="A repository that is made now is private.")
    ] = False,
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
) -> None:
    """Upload a network to the Hugging Face Hub: its file, an ONNX file, and a model card.

    The card tells data, licences, scores, limits, and what it must not be used for. Log in first,
    with `hf auth login`.
    """
    from dagen.api import sharing

    text = ""
    if notes is not None:
        try:
            text = notes.read_text(encoding="utf-8")
        except (OSError, ValueError):
            raise UsageError(f"--notes {short(notes, 200)} is no text file.") from None
    found = sharing.push(
        model,
        repository,
        licence=licence,
        notes=text,
        int8=int8,
        calibrate=calibrate,
        private=private,
        runs=runs,
        data_root=data_root,
    )
    typer.echo(f"{', '.join(found.files)} are at {found.address}")


def pull(
    repository: Annotated[str, typer.Argument(help="USER/NAME on the Hugging Face Hub.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; otherwise the Hub's cache.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag or commit; otherwise the main branch.")
    ] = None,
) -> None:
    """Fetch a network from the Hugging Face Hub.

    Every command that takes a network takes USER/NAME too, and fetches it by itself.
    """
    from dagen.api import sharing

    typer.echo(sharing.pull(repository, out, revision=revision))
