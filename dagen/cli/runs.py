"""``dagen train`` and ``dagen adapt``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dagen.cli import options

File = Annotated[Path | None, typer.Option("--config", "-c", help="TOML file; flags win over it.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value, such as lr=0.001 or advent.weight=0.01; repeatable."),
]
Src = Annotated[str | None, typer.Option(help="Source data set (with labels).")]
MethodNames = Annotated[
    str | None, typer.Option(help="A strategy, a stack such as minent,advent, or a recipe.")
]
Model = Annotated[str | None, typer.Option(help="Network; see `dagen list models`.")]
TaskName = Annotated[str | None, typer.Option("--task", help="material or binary.")]
Size = Annotated[str | None, typer.Option(help="Height x width, such as 224x448.")]
Steps = Annotated[int | None, typer.Option(help="Training steps.")]
BatchSize = Annotated[int | None, typer.Option("--batch", help="Images of each domain a step.")]
Rate = Annotated[float | None, typer.Option("--lr", help="Peak learning rate.")]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Init = Annotated[str | None, typer.Option(help="Start from this deployed file.")]
Workers = Annotated[int | None, typer.Option(help="Processes that make batches.")]
Precision = Annotated[str, typer.Option(help="auto, float32 or bfloat16.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming.")]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Do not log to MLflow.")]
Experiment = Annotated[str, typer.Option(help="MLflow experiment.")]


def add_to(app: typer.Typer) -> None:
    """Register both commands."""
    app.command()(train)
    app.command()(adapt)


def train(
    src: Src = None,
    model: Model = None,
    method: MethodNames = None,
    task: TaskName = None,
    size: Size = None,
    steps: Steps = None,
    batch: BatchSize = None,
    lr: Rate = None,
    seed: Seed = None,
    init: Init = None,
    score: Annotated[
        list[str] | None, typer.Option(help="Also score on this data set; repeatable.")
    ] = None,
    candidates: options.Candidates = None,
    select: options.Select = None,
    config: File = None,
    set_: Sets = None,
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    workers: Workers = None,
    precision: Precision = "auto",
    fresh: Fresh = False,
    no_track: NoTrack = False,
    experiment: Experiment = "dagen",
    quiet: options.Quiet = False,
) -> None:
    """Train on one data set alone: source-only, or the oracle when --src is the target.

    The same command resumes a run that was stopped, and shows one that is finished.
    """
    from dagen.cli._choice import choice_table
    from dagen.cli._show import result_table
    from dagen.engine.run import run
    from dagen.runs.reading import load
    from dagen.runs.runtime import Runtime

    flags: dict[str, Any] = dict(
        src=src, model=model, method=method, task=task, size=size, steps=steps, batch=batch,
        lr=lr, seed=seed, init=init, score=score or None, candidates=candidates, select=select,
    )  # fmt: skip
    result = run(
        load(config, set_ or [], flags),
        Runtime(
            runs=runs,
            data_root=data_root,
            device=device,
            workers=workers,
            precision=precision,
            fresh=fresh,
            track=not no_track,
            experiment=experiment,
            quiet=quiet,
        ),
    )
    result_table({"+".join(result.config["method"]): result})
    choice_table(result)


def adapt(
    src: Src = None,
    tgt: Annotated[str | None, typer.Option(help="Target data set (images only).")] = None,
    method: MethodNames = None,
    model: Model = None,
    task: TaskName = None,
    size: Size = None,
    steps: Steps = None,
    batch: BatchSize = None,
    lr: Rate = None,
    seed: Seed = None,
    batch_norm: Annotated[
        str | None, typer.Option(help="shared, source, target or separate.")
    ] = None,
    init: Init = None,
    target_labels: Annotated[
        str | None, typer.Option(help="Target images whose labels are used too: a number or all.")
    ] = None,
    candidates: options.Candidates = None,
    select: options.Select = None,
    config: File = None,
    set_: Sets = None,
    runs: options.Runs = Path("runs"),
    data_root: options.DataRoot = None,
    device: options.Device = "auto",
    workers: Workers = None,
    precision: Precision = "auto",
    fresh: Fresh = False,
    no_track: NoTrack = False,
    experiment: Experiment = "dagen",
    quiet: options.Quiet = False,
) -> None:
    """Adapt a network to a target without its labels, beside the source-only baseline.

    A test-time strategy such as tent takes a trained network (--init) and adapts it in one pass
    over the target's val images, answering each before it learns from it.

    The same command resumes a run that was stopped, and shows one that is finished.
    """
    from dagen.cli._choice import choice_table
    from dagen.cli._show import comparison
    from dagen.engine.run import run_pair
    from dagen.runs.reading import load
    from dagen.runs.runtime import Runtime

    flags: dict[str, Any] = dict(
        src=src, tgt=tgt, method=method, model=model, task=task, size=size, steps=steps,
        batch=batch, lr=lr, seed=seed, batch_norm=batch_norm, init=init, candidates=candidates,
        select=select, target_labels=target_labels,
    )  # fmt: skip
    pair = run_pair(
        load(config, set_ or [], flags),
        Runtime(
            runs=runs,
            data_root=data_root,
            device=device,
            workers=workers,
            precision=precision,
            fresh=fresh,
            track=not no_track,
            experiment=experiment,
            quiet=quiet,
        ),
    )
    choice_table(pair.adapted)
    comparison(pair, runs)
