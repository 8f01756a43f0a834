"""``dagen train``, ``dagen adapt`` and ``dagen pretrain``."""

from __future__ import annotations

from typing import Annotated

import typer

from dagen.cli import options
from dagen.cli._grouping import grouped


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(grouped(train))
    app.command()(grouped(adapt))
    app.command()(grouped(pretrain))


def train(
    *,
    src: options.Source = None,
    score: Annotated[
        list[str] | None, typer.Option(help="Also score on this data set; repeatable.")
    ] = None,
    empty: options.Empty = None,
    settings: options.Settings,
    labelled: options.Labelled,
    fresh: options.Fresh = False,
    execution: options.Execution,
) -> None:
    """Train on one data set alone: source-only, or the oracle if --src is the target.

    The same command resumes a run that was stopped, and shows the result of a finished one.
    """
    from dagen.cli._choice import choice_table
    from dagen.cli._results import result_table, say_if_finished_before
    from dagen.engine.run import run

    config = settings.load(labelled, runs=execution.runs, src=src, score=score or None, empty=empty)
    result = run(config, execution.runtime(fresh=fresh))
    say_if_finished_before(result)
    result_table({"+".join(result.config["method"]): result})
    choice_table(result)


def adapt(
    *,
    src: options.Source = None,
    tgt: Annotated[str | None, typer.Option(help="Target data set (images only).")] = None,
    extra_tgt: Annotated[
        str | None, typer.Option(help="Further data sets whose images join the target's, as a,b.")
    ] = None,
    target_labels: Annotated[
        str | None, typer.Option(help="Number of target images whose labels are used too, or all.")
    ] = None,
    empty: options.Empty = None,
    settings: options.Settings,
    labelled: options.Labelled,
    batch_norm: Annotated[
        str | None,
        typer.Option(help="Batch-norm statistics: shared, source, target or separate."),
    ] = None,
    fresh: options.Fresh = False,
    execution: options.Execution,
) -> None:
    """Adapt a network to a target without its labels, beside the source-only baseline.

    A test-time strategy such as tent adapts a trained network (--init) in one pass over the
    target's val images, predicting each image before learning from it.

    The same command resumes a run that was stopped, and shows the result of a finished one.
    """
    from dagen.cli._choice import choice_table
    from dagen.cli._results import comparison, say_if_finished_before
    from dagen.engine.run import run_pair

    config = settings.load(
        labelled, runs=execution.runs, src=src, tgt=tgt, extra_tgt=extra_tgt, empty=empty,
        target_labels=target_labels, batch_norm=batch_norm,
    )  # fmt: skip
    pair = run_pair(config, execution.runtime(fresh=fresh))
    say_if_finished_before(pair.adapted)
    choice_table(pair.adapted)
    comparison(pair, None if execution.no_track else execution.runs)


def pretrain(
    *,
    src: options.Source = None,
    tgt: Annotated[str | None, typer.Option(help="Target data set (images only).")] = None,
    extra_tgt: Annotated[
        str | None, typer.Option(help="Further data sets whose images join the target's, as a,b.")
    ] = None,
    settings: options.Settings,
    fresh: options.Fresh = False,
    execution: options.Execution,
) -> None:
    """Make a start for other runs from unlabelled training images of both domains, or of --src.

    The strategy is `features` unless --method names another one that pre-trains (rotation,
    inpainting). Without --tgt it learns from the images of --src alone. No label is opened and
    nothing is scored. Start a run from it with --init run:NAME.
    """
    from dagen.cli._results import print_line, result_table, say_if_finished_before
    from dagen.engine.run import pretrain as pretrained
    from dagen.runs.results import RUN

    config = settings.load(
        runs=execution.runs, usual={"method": "features"}, src=src, tgt=tgt, extra_tgt=extra_tgt
    )
    result = pretrained(config, execution.runtime(fresh=fresh))
    say_if_finished_before(result)
    result_table({"+".join(result.config["method"]): result})
    print_line(f"Start from it: --init {RUN}{result.name}")
