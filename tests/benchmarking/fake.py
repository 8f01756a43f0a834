"""Stand-ins for runs: a result in no time, or one of the ways in which a run goes wrong."""

import os
import signal
import time
from pathlib import Path

from dagen.errors import DagenError, Stopped
from dagen.runs.config import Config
from dagen.runs.log import RunLog
from dagen.runs.results import MODEL, RunResult
from dagen.system.files import append_line, make_folder
from dagen.system.stopping import asked_to_stop

SCORES = {
    "source-only": 0.10, "adabn": 0.14, "photometric": 0.15, "minent": 0.2, "oracle": 0.4,
}  # fmt: skip


def score(config: Config) -> float:
    """A waste IoU that depends on the row and, a little, on the seed."""
    name = config.method[0] if config.method != ("supervised",) else "source-only"
    return SCORES["oracle" if config.ceiling else name] + 0.01 * config.seed


def finish(config: Config, runs: Path, seconds: float = 2.0) -> None:
    """Leave in the run's folder what a run that is done leaves there."""
    folder = make_folder(runs / config.name)
    log = RunLog.open(folder)
    log.tags({"git.commit": "c0ffee", "torch.version": "2.11.0", "hardware": "an abacus"})
    log.metrics({"train/loss": 1.0}, config.steps)
    figures = {
        "waste_iou": score(config), "foreground_miou": score(config), "miou": 0.5,
        "pixel_accuracy": 0.9, "ece": 0.1,
    }  # fmt: skip
    figures |= {f"iou/{name}": 0.25 for name in ("aluminium", "paper", "bottle", "nylon")}
    (folder / MODEL).write_bytes(b"weights")
    RunResult(
        name=config.name,
        folder=folder,
        config=config.to_dict(),
        scores={name: figures for name in config.scored},
        profile={"parameters": 363044, "macs": 5 * 10**8, "flops": 10**9, "bytes": 1539336},
        seconds=seconds,
    ).save()


def good(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Every run succeeds; who ran is written down in order."""
    make_folder(runtime.runs)
    append_line(runtime.runs / "ran.txt", config.name)
    finish(config, runtime.runs)


def unlucky(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Runs of adabn fail in a way that a user can mend, those of minent have a defect."""
    if config.method == ("adabn",):
        raise DagenError("the disk is full; free some space.")
    if config.method == ("minent",):
        raise ZeroDivisionError("division by zero")
    good(config, runtime)


def violent(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Runs of adabn take their process with them."""
    if config.method == ("adabn",):
        os.kill(os.getpid(), signal.SIGKILL)
    finish(config, runtime.runs)


def held(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Runs of adabn hang the first two times; where they are is written down."""
    if config.method == ("adabn",):
        import ray

        path = make_folder(runtime.runs) / "held.txt"
        if len(holds(runtime.runs)) < 2:
            append_line(path, ray.get_runtime_context().get_node_id())
            time.sleep(300)
    good(config, runtime)


def holds(runs: Path) -> list[str]:
    """The machines on which :func:`held` has hung, in order."""
    path = runs / "held.txt"
    return path.read_text().split() if path.exists() else []


def needy(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Runs that start from another one fail without it."""
    if config.init is not None:
        assert Path(runtime.located(config).init).read_bytes() == b"weights"
    good(config, runtime)


def asked(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """Runs end because their machine is shut down."""
    raise Stopped("it is saved.")


def patient(config: Config, runtime) -> None:  # type: ignore[no-untyped-def]
    """A run that lasts until it is asked to stop, and then saves."""
    with asked_to_stop() as came:
        append_line(make_folder(runtime.runs) / "began.txt", config.name)
        while not came:
            time.sleep(0.1)
    append_line(runtime.runs / "saved.txt", config.name)
    raise Stopped("it is saved.", came[0])


def ran(runs: Path) -> list[str]:
    """The names of the runs that :func:`good` has done, in order."""
    path = runs / "ran.txt"
    return path.read_text().split() if path.exists() else []
