"""Two processes that share each batch learn and score what one process does with the whole."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dagen import plugins
from dagen.api.networks import evaluate
from dagen.engine.run import run
from dagen.errors import UsageError
from dagen.runs import results
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run
from dagen.system.distributed import ALONE
from tests import ranks, tiny
from tests.engine import shares

TOLERANCE = 1e-5
"""Largest difference of a weight, a statistic or a loss after four steps, in float32."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shares")
    tiny.make_resortit(folder / "data", train=4, val=3)
    tiny.make_taco(folder / "data", train=4, val=3)
    shares.train(shares.JOBS["advent"], ALONE, folder / "by-one", shares.HALF)
    with pytest.MonkeyPatch.context() as patch:
        loopback = ranks.variables(patch)
        told = ranks.launch(loopback, [sys.executable, "-m", "tests.engine.shares", str(folder)])
    assert [code for code, _, _ in told] == [0, 0], told
    return folder


@pytest.fixture(scope="module")
def two(folder: Path) -> list[dict[str, Any]]:
    """What both processes found."""
    return [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]


def gap(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> tuple[float, str]:
    """The largest difference, and where; memories hold the same items in another order."""
    assert ours.keys() == theirs.keys()
    found = [
        (float((ours[name].double() - theirs[name].double()).nan_to_num(0).abs().max()), name)
        for name in ours
        if ours[name].numel() and not name.endswith(".items") and "agreed" not in name
    ]
    return max(found)


@pytest.mark.parametrize("name", shares.JOBS)
def test_two_processes_learn_what_one_does(
    name: str, two: list[dict[str, Any]], tmp_path: Path
) -> None:
    state, losses = shares.train(shares.JOBS[name], ALONE, tmp_path)
    (ours, told), (theirs, told_too) = (rank[name] for rank in two)
    assert told == told_too  # what is logged is the mean, not one process's share
    assert torch.allclose(torch.tensor(told), torch.tensor(losses), atol=TOLERANCE)
    assert gap(ours, theirs)[0] == 0  # no process drifts from the other
    assert gap(state, ours)[0] < TOLERANCE, gap(state, ours)


@pytest.mark.parametrize("name", shares.NETWORKS)
def test_synchronised_batch_norm_gives_the_gradient_of_the_whole_batch(
    name: str, two: list[dict[str, Any]]
) -> None:
    alone = shares.gradients(name, ALONE)
    for rank in two:
        assert alone.keys() == rank[name].keys()
        for where, value in alone.items():
            assert torch.allclose(rank[name][where], value, rtol=1e-6, atol=1e-9), where


def test_every_family_that_trains_is_among_them() -> None:
    kinds = [plugins.get("methods", name) for name in plugins.names("methods")]
    # Rounding makes whole steps of differences in the last digit, so qat is not equal: no family.
    trained = {kind.family for kind in kinds if not kind.online} - {"deployment"}
    shown = {plugins.get("methods", n).family for job in shares.JOBS.values() for n in job.methods}
    assert shown == trained


def test_one_process_resumes_the_run_of_two_and_two_that_of_one(
    folder: Path, two: list[dict[str, Any]], tmp_path: Path
) -> None:
    whole, _ = shares.train(shares.JOBS["advent"], ALONE, tmp_path)
    alone, losses = shares.train(shares.JOBS["advent"], ALONE, folder / "by-two")
    assert len(losses) == len(two[0]["resumed"][1]) == shares.STEPS - shares.HALF
    assert gap(whole, alone)[0] < TOLERANCE
    assert gap(whole, two[0]["resumed"][0])[0] < TOLERANCE


def test_no_image_is_counted_twice_or_left_out(folder: Path, two: list[dict[str, Any]]) -> None:
    alone = shares.counts(ALONE, folder / "data")
    assert alone.sum() > 0
    assert torch.equal(two[0]["counts"], alone)


def test_every_process_that_evaluates_gets_the_scores_of_all_images(
    folder: Path, two: list[dict[str, Any]]
) -> None:
    alone = evaluate(shares.predictor(), data="taco", data_root=folder / "data")
    for rank in two:
        assert rank["evaluated"] == pytest.approx(alone, rel=1e-9, nan_ok=True)


def test_parameters_that_no_loss_depends_on_are_refused_in_one_line(
    two: list[dict[str, Any]],
) -> None:
    for rank in two:
        assert rank["refused"].startswith("a strategy or network has parameters that a step's")
        assert "\n" not in rank["refused"]


def test_a_teacher_and_the_choice_of_checkpoints_come_out_the_same(
    folder: Path, tmp_path: Path
) -> None:
    config = from_mapping(shares.CONFIG)
    alone = run(config, shares.runtime(tmp_path / "runs", folder / "data"))
    both = results.load(folder / "runs-of-two" / config.name)
    assert both is not None
    assert alone.selection is not None and both.selection is not None
    assert both.selection.step == alone.selection.step
    ours, theirs = both.selection.candidates, alone.selection.candidates
    assert [one.step for one in ours] == [one.step for one in theirs] == [2, 3]
    for one, other in zip(ours, theirs, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-3, nan_ok=True)
        for judge in ("infomax", "entropy", "source-val"):
            assert one.values[judge] == pytest.approx(other.values[judge], abs=1e-3)
    for name, scores in alone.scores.items():
        assert both.scores[name] == pytest.approx(scores, abs=1e-3, nan_ok=True)


def test_an_online_run_is_refused_in_one_line() -> None:
    given = {"src": "resortit", "tgt": "taco", "method": "tent", "init": "model.safetensors"}
    with pytest.raises(UsageError, match=r"in one process; start it without torchrun \(there are"):
        plan_run(from_mapping(given), processes=2)


def test_a_batch_that_cannot_be_shared_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match="batch is 3; it must be a multiple of 2 processes"):
        plan_run(from_mapping({"src": "resortit", "batch": 3}), processes=2)
