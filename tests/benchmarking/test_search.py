"""A search over parameters: which cells are run, what is chosen, and what the table shows."""

from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.execution import run_benchmark
from dagen.benchmarking.reading import load
from dagen.benchmarking.search import choosing, showing
from dagen.benchmarking.tables.records import Record
from dagen.errors import UsageError
from dagen.runs.config import Config
from dagen.runs.results import intact
from dagen.runs.runtime import Runtime
from dagen.runs.selection import Candidate, Selection
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, GRID
from tests.benchmarking.tables import made

ROWS = """
[[row]]
name = "source-only"
tgt = "none"

[[row]]
name = "minent"
method = "minent"
search.minent.weight = [0.1, 0.2, 0.3]
"""


def _file(folder: Path, rows: str = ROWS, head: str = 'choose = "infomax"') -> Path:
    path = folder / "small.toml"
    base = BASE.replace("candidates = 1", "candidates = 2")
    path.write_text("\n".join(["title = 'Small'", head, base, GRID, rows]))
    return path


def _selection(step: int, **values: float) -> Selection:
    """A choice among two checkpoints; the other one has higher values under every validator."""
    names = ("infomax", "mixval", "consistency", "source-val")
    own = {name: values.get(name.replace("-", "_"), 0.0) for name in names}
    other = {name: value + 100 for name, value in own.items()}
    candidates = (Candidate(step, {}, own), Candidate(step + 1, {}, other))
    return Selection("last", step, None, 0, {}, {}, candidates)


def judged(config: Config, runtime: Runtime) -> None:
    """A run whose infomax is highest at the weight 0.2, whatever its waste IoU."""
    fake.good(config, runtime)
    if config.method == ("minent",):
        weight = config.parts["minent"]["weight"]
        found = intact(runtime.runs / config.name)
        assert found is not None
        score = {name: {**s, "waste_iou": 1 - weight} for name, s in found.scores.items()}
        chosen = _selection(config.steps, infomax=-abs(weight - 0.2))
        replace(found, scores=score, selection=chosen).save()


def test_only_the_chosen_values_are_run_with_the_other_seeds(
    tmp_path: Path, runtime: Runtime
) -> None:
    benchmark = load(_file(tmp_path))
    assert len(benchmark.cells) == 8 and choosing.count(benchmark.cells) == 6
    outcome = run_benchmark(benchmark, runtime, tmp_path / "out", runner=judged)
    assert not outcome.failures and len(outcome.records) == 6
    seeds = {(r.row, r.seed) for r in outcome.records if "minent" in r.row}
    assert seeds == {
        ("minent {minent.weight=0.1}", 0), ("minent {minent.weight=0.2}", 0),
        ("minent {minent.weight=0.3}", 0), ("minent {minent.weight=0.2}", 1),
    }  # fmt: skip
    page = (tmp_path / "out" / "small.md").read_text()
    assert "| minent | 2 | **80.0" in page and "Not complete" not in page
    assert "chosen by infomax without target labels" in page
    assert "minent (enet, binary) at minent.weight=0.2 of 3" in page
    ran = len(fake.ran(runtime.runs))
    run_benchmark(benchmark, runtime, tmp_path / "out", runner=fake.unlucky)
    assert len(fake.ran(runtime.runs)) == ran


def test_a_search_with_a_failed_run_is_not_decided(tmp_path: Path, runtime: Runtime) -> None:
    def failing(config: Config, runtime: Runtime) -> None:
        if config.parts.get("minent", {}).get("weight") == 0.3:
            fake.unlucky(replace(config, method=("adabn",), parts={}), runtime)
        judged(config, runtime)

    benchmark = load(_file(tmp_path))
    outcome = run_benchmark(benchmark, runtime, tmp_path / "out", runner=failing)
    assert len(outcome.failures) == 1
    assert {r.seed for r in outcome.records if "minent" in r.row} == {0}
    assert "**Not complete**" in (tmp_path / "out" / "small.md").read_text()
    again = run_benchmark(benchmark, runtime, tmp_path / "out", runner=judged)
    assert len(again.records) == 6


def _judged(row: str, seed: int = 0, **values: float) -> Record:
    return made.record(row, 0.5, seed, selection=_selection(600, **values))


def test_combined_is_the_mean_rank_among_the_combinations() -> None:
    records = [
        _judged("a {w=1}", infomax=3, mixval=1, consistency=2, source_val=2),
        _judged("a {w=2}", infomax=2, mixval=3, consistency=3, source_val=3),
        _judged("a {w=3}", infomax=1, mixval=2, consistency=1, source_val=9),
        _judged("b"),
    ]
    # Ranks by hand: w=1 has (1 + 0 + .5 + 0) / 4, w=2 (.5 + 1 + 1 + .5) / 4, w=3 (0 + .5 + 0 + 1).
    assert [r.row for r in showing.only_chosen(records, "combined")] == ["a", "b"]
    assert "a (enet, binary) at w=2 of 3" in (showing.told(records, "combined") or "")
    assert "at w=3 of 3" in (showing.told(records, "source-val") or "")
    assert showing.told(records[3:], "combined") is None


def test_what_nobody_judged_is_the_first_and_the_table_says_so() -> None:
    records = [made.record("a {w=1}", 0.1), made.record("a {w=2}", 0.9)]
    assert [r.score("waste_iou") for r in showing.only_chosen(records, "combined")] == [0.1]
    assert "w=1 of 2 (the first: not judged)" in (showing.told(records, "combined") or "")
    half = [_judged("a {w=1}", infomax=1), replace(_judged("a {w=2}"), selection=None)]
    assert "(the first: not judged)" in (showing.told(half, "infomax") or "")


def test_another_seed_has_no_voice() -> None:
    records = [
        _judged("a {w=1}", infomax=1), _judged("a {w=2}", infomax=2),
        _judged("a {w=1}", seed=1, infomax=9),
    ]  # fmt: skip
    assert [r.seed for r in showing.only_chosen(records, "infomax")] == [0]


def test_the_choice_stays_that_of_the_first_seed_though_it_is_not_the_lowest() -> None:
    records = [
        _judged("a {w=1}", 2, infomax=1), _judged("a {w=2}", 2, infomax=2),
        _judged("a {w=2}", 0, infomax=-9),
    ]  # fmt: skip
    assert [r.seed for r in showing.only_chosen(records, "infomax")] == [2, 0]
    assert "a (enet, binary) at w=2 of 2" in (showing.told(records, "infomax") or "")


def test_equal_values_do_not_change_the_choice_with_the_order_of_the_records() -> None:
    records = [_judged("a {w=1}"), _judged("a {w=2}"), _judged("a {w=2}", 1)]
    for order in (records, records[::-1]):
        assert {r.seed for r in showing.only_chosen(order, "infomax")} == {0, 1}


def test_every_target_has_its_own_choice(tmp_path: Path, runtime: Runtime) -> None:
    def judged(config: Config, runtime: Runtime) -> None:
        fake.good(config, runtime)
        found = intact(runtime.runs / config.name)
        assert found is not None
        weight = config.parts["minent"]["weight"] * (1 if config.tgt == "taco" else -1)
        replace(found, selection=_selection(config.steps, infomax=weight)).save()

    rows = ROWS[ROWS.index('[[row]]\nname = "minent"') :]
    path = _file(tmp_path, rows)
    text = path.read_text().replace('tgt = "taco"\n', "")
    path.write_text(text.replace("[grid]", '[grid]\ntgt = ["taco", "taco-synth"]'))
    benchmark = load(path)
    outcome = run_benchmark(benchmark, runtime, tmp_path / "out", runner=judged)
    assert choosing.count(benchmark.cells) == len(outcome.records) == 8
    second = {(r.row, r.target) for r in outcome.records if r.seed == 1}
    assert second == {
        ("minent {minent.weight=0.3}", "taco"), ("minent {minent.weight=0.1}", "taco-synth"),
    }  # fmt: skip
    page = (tmp_path / "out" / "small.md").read_text()
    assert "minent (enet, binary, resortit, taco) at minent.weight=0.3 of 3" in page


def test_a_loss_that_is_a_name_may_be_searched(tmp_path: Path) -> None:
    rows = '[[row]]\nname = "a"\nloss = "focal"\nsearch.loss.gamma = [1.0, 3.0]\n'
    cells = load(_file(tmp_path, rows)).cells
    tried = {(c.config.loss, c.config.loss_options["gamma"]) for c in cells}
    assert tried == {("focal", 1.0), ("focal", 3.0)}


def _smaller(row: str, seed: int = 0) -> Version:
    record = made.record(row, 0.5, seed)
    return Version(
        row=row, model=record.model, task=record.task, seed=seed, source=record.source,
        target=record.target, axes={}, run=record.run, weights="w", network="whole", steps=None,
        precision="int8", bytes=1, macs=1, scores={}, runtime="", hardware="", commit="",
    )  # fmt: skip


def test_smaller_files_are_those_of_the_chosen_values_alone(tmp_path: Path) -> None:
    records = [_judged("a {w=1}", infomax=1), _judged("a {w=2}", infomax=2), made.record("b", 0.1)]
    files = [_smaller(row) for row in ("a {w=1}", "a {w=2}", "b")]
    kept = showing.lines_of_chosen(files, records, "infomax")
    assert [(one.row, one.run) for one in kept] == [("a", "a {w=2}-s0"), ("b", "b-s0")]
    cells = [c for c in load(_file(tmp_path)).cells if c.config.seed == 0]
    judged = [
        replace(_judged(c.row, infomax=float(c.row.endswith("0.2}"))), axes={}) for c in cells
    ]
    rows = [cell.row for cell in showing.cells_of_chosen(cells, judged, "infomax")]
    assert rows == ["source-only", "minent {minent.weight=0.2}"]


def test_several_parameters_are_combined(tmp_path: Path) -> None:
    rows = """
    [[row]]
    name = "minent"
    method = "minent"
    minent.weight = 0.5
    search.lr = [0.001, 0.002]
    search.minent.weight = [0.1, 0.2]
    """
    cells = load(_file(tmp_path, rows)).cells
    tried = {(c.config.lr, c.config.parts["minent"]["weight"]) for c in cells}
    assert tried == {(0.001, 0.1), (0.001, 0.2), (0.002, 0.1), (0.002, 0.2)}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("search = 3", r"row 'a': search is 3; give lists of values"),
        ("search.lr = 0.1", r"search.lr is 0.1; give at least two different values"),
        ("search.lr = [0.1, 0.1]", r"search.lr is \[0.1, 0.1\]; give at least two different"),
        ("search.seed = [1, 2]", r"seeds are not searched"),
    ],
)
def test_wrong_searches_are_refused(tmp_path: Path, rows: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        load(_file(tmp_path, f'[[row]]\nname = "a"\n{rows}\n'))


def test_a_search_over_runs_that_nobody_judges_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path)
    path.write_text(path.read_text().replace("candidates = 2", "candidates = 1"))
    with pytest.raises(UsageError, match=r"row 'minent' searches, .* set candidates = 2"):
        load(path)


def test_only_a_validator_chooses(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="validator"):
        load(_file(tmp_path, head='choose = "waste_iou"'))
