"""Options that several commands share, each defined once with its default and help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dagen.runs.config import Config
    from dagen.runs.runtime import Runtime

Source = Annotated[str | None, typer.Option(help="Source data set (with labels).")]
Empty = Annotated[
    str | None,
    typer.Option("--empty", help="Data set of scenes without objects, to count false alarms on."),
]
Runs = Annotated[Path, typer.Option("--runs", help="Folder of all runs and of the MLflow store.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", help="Folder of all data sets; otherwise $DAGEN_DATA."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Start over instead of resuming.")]
NoTrack = Annotated[bool, typer.Option("--no-track", help="Do not log to MLflow.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")]
Deployed = Annotated[
    Path,
    typer.Argument(
        help="A deployed file (.safetensors), an exported one (.onnx, .xml), user/name of the "
        "Hub, or a teacher's name."
    ),
]
Finished = Annotated[
    str, typer.Argument(help="A finished run (folder, name or hash), or a deployed file.")
]
Calibrate = Annotated[
    str | None,
    typer.Option(
        help="Data set whose unlabelled training images set int8's ranges; else the target."
    ),
]
Cover = Annotated[
    str | None, typer.Option(help="Height x width of the input; otherwise the network's own.")
]


@dataclass(frozen=True)
class Settings:
    """Options that decide a run's result, besides its data sets.

    None is what the file of ``--config`` says, or else the default of ``Config``, which the help
    shows. The defaults are written here again because the help must not wait for ``Config``.
    """

    method: Annotated[
        str | None,
        typer.Option(
            help="A strategy, a stack such as minent,advent, or a recipe with its settings."
        ),
    ] = None
    model: Annotated[
        str | None, typer.Option(help="Network; see `dagen list models`.", show_default="enet")
    ] = None
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            help="material, binary or classes (those of the source; usual for your own data).",
            show_default="material",
        ),
    ] = None
    size: Annotated[
        str | None, typer.Option(help="Height x width in pixels.", show_default="224x448")
    ] = None
    steps: Annotated[int | None, typer.Option(help="Training steps.", show_default="200")] = None
    batch: Annotated[
        int | None,
        typer.Option("--batch", help="Images of each domain per step.", show_default="4"),
    ] = None
    lr: Annotated[
        float | None, typer.Option("--lr", help="Peak learning rate.", show_default="0.002")
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Seed of everything random.", show_default="0")
    ] = None
    compile: Annotated[
        bool | None,
        typer.Option("--compile", help="Compile the network: faster steps after minutes, once."),
    ] = None
    init: Annotated[
        str | None,
        typer.Option(
            help="Start from this deployed file, or from that of the run run:NAME, which also sets "
            "the network, task and size that are not given."
        ),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", help="TOML file of settings; flags and --set take precedence."
        ),
    ] = None
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="key=value, such as lr=0.001 or advent.weight=0.01; repeatable. A flag may not "
            "give the same setting another value.",
        ),
    ] = None

    def load(
        self,
        labelled: Labelled | None = None,
        *,
        runs: Path | None = None,
        usual: Mapping[str, Any] | None = None,
        **flags: Any,
    ) -> Config:
        """The run's configuration.

        Args:
            labelled: the options of a run with labels; None in one without.
            runs: folder of all runs, for ``--init run:NAME``.
            usual: the command's own defaults.
            **flags: the command's other settings by name.
        """
        from dagen.runs.reading import load

        shared = asdict(self) | ({} if labelled is None else asdict(labelled))
        file, sets = shared.pop("config"), shared.pop("set_")
        return load(file, sets or [], {**shared, **flags}, usual=usual, runs=runs)


@dataclass(frozen=True)
class Labelled:
    """Options of runs that learn from labels or are scored by them: not of ``pretrain``.

    See :class:`Settings` for their defaults.
    """

    loss: Annotated[
        str | None,
        typer.Option(
            help="Loss of labelled images, or a sum such as focal+dice (dagen list losses).",
            show_default="cross-entropy",
        ),
    ] = None
    candidates: Annotated[
        int | None,
        typer.Option(help="Checkpoints to choose from; 1 keeps only the last, without judging."),
    ] = None
    select: Annotated[
        str | None,
        typer.Option(
            help="Checkpoint to deploy: last, or a validator's pick (dagen list validators)."
        ),
    ] = None


@dataclass(frozen=True)
class Execution:
    """Options of where and how runs are executed, for ``train``, ``adapt`` and ``benchmark``."""

    runs: Runs = Path("runs")
    data_root: DataRoot = None
    device: Device = "auto"
    workers: Annotated[int | None, typer.Option(help="Processes that make a run's batches.")] = None
    precision: Annotated[str, typer.Option(help="auto, float32 or bfloat16.")] = "auto"
    no_track: NoTrack = False
    experiment: Annotated[str, typer.Option(help="MLflow experiment.")] = "dagen"
    quiet: Quiet = False

    def runtime(self, *, fresh: bool = False) -> Runtime:
        """These options as the engine's :class:`~dagen.runs.runtime.Runtime`."""
        from dagen.runs.runtime import Runtime

        asked = asdict(self)
        return Runtime(track=not asked.pop("no_track"), fresh=fresh, **asked)
