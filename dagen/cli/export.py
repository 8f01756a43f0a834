"""``dagen export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dagen.cli import options

if TYPE_CHECKING:
    from dagen.deploy.export import Exported


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(export)


def export(
    model: options.Finished,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; otherwise beside the deployed file."),
    ] = None,
    format: Annotated[str, typer.Option(help="onnx or openvino.")] = "onnx",
    uint8: Annotated[
        bool, typer.Option("--uint8", help="Input of uint8 in 0 to 255, not float32 in [0, 1].")
    ] = False,
    int8: Annotated[
        bool, typer.Option("--int8", help="Convolutions in 8 bits: smaller, less exact.")
    ] = False,
    fp16: Annotated[
        bool, typer.Option("--fp16", help="Weights in 16 bits: half the file, as fast.")
    ] = False,
    calibrate: options.Calibrate = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            help="Points of agreement with float32 that int8 may lose; sensitive layers then stay "
            "in float32."
        ),
    ] = None,
    fine_tune: Annotated[
        int,
        typer.Option(
            metavar="STEPS",
            help="Train for so many steps with the rounding of int8 first, by the settings of its "
            "run; only where it loses more than --max-drop.",
        ),
    ] = 0,
    images: Annotated[
        Path | None,
        typer.Option(help="Images for the comparison with PyTorch; otherwise the run's data."),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights.")] = None,
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
    no_track: options.NoTrack = False,
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "dagen",
    quiet: options.Quiet = False,
) -> None:
    """Write a network as one file for other runtimes: plain RGB in, normalisation inside.

    The file is compared with PyTorch, and kept only if it computes the same. With --fine-tune, the
    same command resumes what was stopped.
    """
    from dagen.api import exporting

    found = exporting.export(
        model,
        out,
        format=cast(Any, format),
        uint8=uint8,
        int8=int8,
        fp16=fp16,
        calibrate=calibrate,
        max_drop=max_drop,
        fine_tune=fine_tune,
        images=images,
        licence=licence,
        runs=runs,
        data_root=data_root,
        track=not no_track,
        experiment=experiment,
        quiet=quiet,
    )
    for line in told(found):
        typer.echo(line)


def told(found: Exported) -> list[str]:
    """What is said of an exported file, in a few lines."""
    facts, checked = found.facts, found.facts.checked
    height, width = facts.card.size
    free = f"any multiples of {facts.multiple}" if facts.dynamic else "no other size"
    worst = max(checked["logits"], checked["features"], checked["tie"])
    lines = [
        f"{found.file}: {found.bytes:,} bytes, {facts.card.model}, {facts.precision}.",
        f"Input: {facts.input} RGB (batch, 3, {height}, {width}); {free}. "
        f"Output: logits at 1/{facts.stride} of that, {', '.join(facts.card.kind.classes)}.",
        f"Compared with {checked['against']} in {checked['in']} on {checked['forwards']} batches "
        f"({checked['images']} images): the largest difference is {worst:.1e} of the largest "
        f"output, {checked['ties']} ties fell differently, {100 * checked['same']:.3f} % of the "
        "pixels have the same class.",
    ]
    if facts.precision == "int8":
        told = facts.calibration
        lines.append(
            f"{told['layers'] - told['floats']} of {told['layers']} layers compute in 8 bits. The "
            f"loss of agreement with float32 is {told['agreement_loss']:.2f} points, on "
            f"{told['judges']} images of {told['data']} {told['split']} without labels: no labels "
            "of these images can show a larger drop of the foreground IoU."
        )
        if tuned := told.get("fine_tuned"):
            lines.append(
                f"Fine-tuned for {tuned['steps']} steps (run {tuned['run']}): with all layers in 8 "
                f"bits, the loss of agreement fell from {tuned['loss_before']:.2f} to "
                f'{tuned["loss_after"]:.2f} points. "float32" is the network before it.'
            )
    return lines
