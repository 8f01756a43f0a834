"""Functions that train: one run, a run beside its baseline, a grid of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from dagen.api.settings import Settings
from dagen.runs.config import Config, from_mapping
from dagen.runs.reading import load
from dagen.runs.results import RunResult
from dagen.runs.runtime import Runtime

if TYPE_CHECKING:
    from dagen.benchmarking.execution import Outcome
    from dagen.benchmarking.running import Engine


def train(
    config: Config | Path | str | None = None,
    *,
    runtime: Runtime | None = None,
    **settings: Unpack[Settings],
) -> RunResult:
    """Train on one data set alone: source-only, or the oracle if ``src`` is the target.

    The same call resumes a run that was stopped, and returns the result of a finished one.

    >>> result = dagen.train(src="resortit", model="enet", steps=1500)  # doctest: +SKIP
    >>> result.score("resortit", "waste_iou")                           # doctest: +SKIP

    Args:
        config: base of the settings: a configuration, or the path of a TOML file with the keys of
            :class:`dagen.Config`.
        runtime: folders and device; None is ``Runtime()``.
        **settings: fields of :class:`dagen.Config`; they override ``config``.

    Returns:
        Scores, cost and folder of the run.

    Raises:
        UsageError: an unknown setting, a value outside its range, or contradictory settings.
        DataError: a data set is missing or damaged.
        Stopped: SIGTERM or Ctrl-C came; the state is saved.
        DagenError: any other error that a user can fix, in one line.
    """
    from dagen.engine.run import run

    here = runtime or Runtime()
    return run(configuration(config, settings, runs=here.runs), here)


def adapt(
    config: Config | Path | str | None = None,
    *,
    runtime: Runtime | None = None,
    **settings: Unpack[Settings],
) -> RunResult:
    """Adapt to a target without its labels, beside the source-only baseline.

    The same call resumes a run that was stopped, and returns the result of a finished one.

    >>> result = dagen.adapt(src="resortit", tgt="taco", method="advent")  # doctest: +SKIP
    >>> result.score("taco", "waste_iou")                                  # doctest: +SKIP

    Args:
        config: see :func:`train`.
        runtime: folders and device; None is ``Runtime()``.
        **settings: fields of :class:`dagen.Config`; they override ``config``. ``tgt`` is required
            in one of the two.

    Returns:
        The adapted run; its ``baseline`` holds the scores of the run that it is compared with.

    Raises:
        UsageError: no ``tgt``, an unknown setting, a value outside its range, or contradictory
            settings.
        DataError: a data set is missing or damaged.
        Stopped: SIGTERM or Ctrl-C came; the state is saved.
        DagenError: any other error that a user can fix, in one line.
    """
    from dagen.engine.run import run_pair

    here = runtime or Runtime()
    return run_pair(configuration(config, settings, runs=here.runs), here).result


def pretrain(
    config: Config | Path | str | None = None,
    *,
    runtime: Runtime | None = None,
    **settings: Unpack[Settings],
) -> RunResult:
    """Make a start for other runs from unlabelled training images of both domains, or of ``src``.

    No label is opened and nothing is scored. The same call resumes a run that was stopped.

    >>> start = dagen.pretrain(src="resortit", tgt="taco", model="bisenet")       # doctest: +SKIP
    >>> dagen.adapt(src="resortit", tgt="taco", init=start.model)                # doctest: +SKIP

    Args:
        config: see :func:`train`.
        runtime: folders and device; None is ``Runtime()``.
        **settings: fields of :class:`dagen.Config`; they override ``config``. ``method`` is
            ``features`` if neither names one. Without ``tgt`` it learns from ``src`` alone.

    Returns:
        The run; it has no scores, and its file is for ``init``.

    Raises:
        UsageError: a strategy that does not pre-train, or a setting that needs labels.
        DataError: a data set is missing or damaged.
        Stopped: SIGTERM or Ctrl-C came; the state is saved.
        DagenError: any other error that a user can fix, in one line.
    """
    from dagen.engine.run import pretrain as pretrained

    here = runtime or Runtime()
    usual = {"method": "features"}
    return pretrained(configuration(config, settings, usual=usual, runs=here.runs), here)


def benchmark(
    file: Path | str,
    *,
    runtime: Runtime | None = None,
    out: Path | str | None = None,
    jobs: int = 1,
    engine: Engine | None = None,
    only: str | None = None,
    trust_records: bool = False,
) -> Outcome:
    """Run a grid of runs and make its tables; finished cells are not run again.

    Args:
        file: a TOML file; or, without ``.toml``, the name of a file in ``benchmarks/`` below
            the working folder or of one that comes with dagen, such as ``baselines``.
        runtime: folders and device of all runs; None is ``Runtime()``.
        out: folder of the results; None is ``results`` beside the file.
        jobs: number of parallel runs, which share the cores.
        engine: what runs the cells, such as :class:`dagen.benchmarking.ray_engine.Ray`; None is
            this machine, with ``jobs`` processes.
        only: a shell pattern of rows or cells, such as ``adabn/enet/*``; the others are not run.
        trust_records: skip cells of the results file, even if their runs are not here.

    Returns:
        The records of all finished cells, the cells that failed in this call, and the files.

    Raises:
        UsageError: the file is missing or malformed, or a cell cannot run.
        DagenError: any other error that can be found before the first step.
    """
    from dagen.benchmarking import reading
    from dagen.benchmarking.execution import run_benchmark
    from dagen.benchmarking.running import Local

    path, folder = reading.find(str(file))
    return run_benchmark(
        reading.load(path),
        runtime or Runtime(),
        folder if out is None else Path(out),
        engine=engine or Local(jobs),
        only=only,
        trust_records=trust_records,
    )


def configuration(
    config: Config | Path | str | None,
    settings: Settings,
    *,
    usual: Mapping[str, Any] | None = None,
    runs: Path | None = None,
) -> Config:
    """The checked configuration of a call.

    Args:
        config: see :func:`train`; fields of a :class:`dagen.Config` are checked only here.
        settings: they override it.
        usual: defaults of the call, for what neither of the two says.
        runs: folder of all runs, for ``run:NAME``.

    Raises:
        UsageError: see :func:`train`.
    """
    given = {k: str(v) if isinstance(v, Path) else v for k, v in settings.items()}
    if not isinstance(config, Config):
        return load(None if config is None else Path(config), flags=given, usual=usual, runs=runs)
    own = {f.name: getattr(config, f.name) for f in fields(config) if f.name != "recipe"}
    checked = from_mapping({**own, **given})
    return checked if "method" in given else replace(checked, recipe=config.recipe)
