"""Shares of a grid: every cell in one of them, with what it needs, about equal in size."""

from pathlib import Path

import pytest

from dagen.benchmarking.cells import Cell
from dagen.benchmarking.execution import plan, run_benchmark
from dagen.benchmarking.share_run import run_share
from dagen.benchmarking.shares import Share, dealt
from dagen.errors import UsageError
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, Make

TAUGHT = """
[[row]]
name = "start"
tgt = "none"
[[row]]
name = "first"
method = "minent"
init = "row:start"
[[row]]
name = "second"
method = "infomax"
init = "row:first"
[[row]]
name = "alone"
method = "adabn"
"""


@pytest.mark.parametrize("count", [1, 2, 3, 7, 30])
def test_every_cell_is_in_one_share_together_with_what_it_needs(make: Make, count: int) -> None:
    cells = make(rows=TAUGHT).cells
    shares = [dealt(cells, Share(i + 1, count)) for i in range(count)]
    labels = [cell.label for share in shares for cell in share]
    assert sorted(labels) == sorted(cell.label for cell in cells) and len(labels) == 8
    for share in shares:
        names = {cell.config.name for cell in share}
        assert all(set(cell.needs) <= names for cell in share)
        assert share == [cell for cell in cells if cell in share]  # each after what it needs


def test_shares_are_about_equal_in_pixels(make: Make) -> None:
    rows = "".join(
        f"[[row]]\nname = 'r{steps}'\ntgt = 'none'\nsteps = {steps}\n"
        for steps in (70, 10, 20, 30, 40)
    )
    cells = make(rows=rows, grid="[grid]\nmodel = ['enet']\ntask = ['binary']\nseed = [0]").cells

    def sizes(share: list[Cell]) -> list[int]:
        return [cell.config.steps for cell in share]

    assert sizes(dealt(cells, Share(1, 2))) == [70, 20]
    assert sizes(dealt(cells, Share(2, 2))) == [10, 30, 40]


def test_jobs_run_their_shares_and_one_gathers(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    whole = run_benchmark(
        make(), Runtime(tmp_path / "alone", track=False, quiet=True), tmp_path / "one",
        runner=fake.good,
    )  # fmt: skip
    out, names = tmp_path / "out", set[str]()
    for number in (1, 2, 3):
        share = Share(number, 3)
        planned = [one.cell for one in plan(make(), runtime.runs, out, share=share)]
        cells, failures = run_share(make(), runtime, out, share, runner=fake.good)
        assert cells == planned and not failures
        assert not names & {cell.config.name for cell in cells}
        names |= {cell.config.name for cell in cells}
    assert not out.exists() and sorted(fake.ran(runtime.runs)) == sorted(names)
    outcome = run_benchmark(make(), runtime, out, runner=fake.unlucky)
    assert len(outcome.records) == len(whole.records) == 11 and not outcome.failures
    for file in whole.files:
        assert (out / file.name).read_bytes() == file.read_bytes()


def test_a_share_tells_the_cells_that_it_ran(make: Make, runtime: Runtime, tmp_path: Path) -> None:
    searched = """
[[row]]
name = "searched"
method = "minent"
search.minent.weight = [0.1, 0.01]
"""
    base = BASE.replace("candidates = 1", "candidates = 2")
    cells, _ = run_share(
        make(base=base, rows=searched), runtime, tmp_path, Share(1, 1), runner=fake.good
    )
    assert sorted(cell.config.name for cell in cells) == sorted(fake.ran(runtime.runs))
    assert len(cells) == 3  # both values, and the second seed of the one that was chosen


def test_a_share_tells_its_failures_and_tries_them_again(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    everything = Share(1, 1)
    _, failures = run_share(make(), runtime, tmp_path, everything, runner=fake.unlucky)
    assert {failure.cell.row for failure in failures} == {"adabn", "continued"}
    _, failures = run_share(make(), runtime, tmp_path, everything, runner=fake.good)
    assert failures == [] and len(set(fake.ran(runtime.runs))) == 11


@pytest.mark.parametrize("text", ["3", "0/3", "4/3", "1/0", "a/b", "-1/3", "1/3/5", ""])
def test_no_such_share(text: str) -> None:
    with pytest.raises(UsageError, match=r"the share is '.*'; give its number and how many"):
        Share.parse(text)
    assert str(Share.parse("2/3")) == "2/3"
