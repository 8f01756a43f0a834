"""The heads of a benchmark's tables, before any of its cells has run."""

from dataclasses import replace
from pathlib import Path

import pytest

from dagen.benchmarking.collecting import collect
from dagen.benchmarking.deployed import measuring, table, versions
from dagen.benchmarking.execution import plan, records_file, run_benchmark
from dagen.benchmarking.foreseen import check_columns
from dagen.benchmarking.reading import load
from dagen.benchmarking.search import showing
from dagen.benchmarking.share_run import run_share
from dagen.benchmarking.shares import Share
from dagen.benchmarking.tables import records, writing
from dagen.errors import UsageError
from dagen.runs.runtime import Runtime
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, GRID, Make

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_a_wrong_column_is_refused_before_anything_runs(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    benchmark, out = make(base=f'columns = ["waste IoU", "GMACS"]\n{BASE}'), tmp_path / "out"
    message = "unknown column 'GMACS'; did you mean 'GMAC'"
    with pytest.raises(UsageError, match=message):
        run_benchmark(benchmark, runtime, out, runner=fake.good)
    with pytest.raises(UsageError, match=message):
        plan(benchmark, runtime.runs, out)
    with pytest.raises(UsageError, match=message):
        run_share(benchmark, runtime, out, Share(1, 2), runner=fake.good)
    assert not runtime.runs.exists() and not out.exists()


def test_columns_that_only_other_cells_have_are_no_error(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    """A part of the grid is run with the columns of the whole."""
    rows = "[[row]]\nname = 'source-only'\ntgt = 'none'\n[[row]]\nname = 'adabn'\nmethod = 'adabn'"
    benchmark = make(
        base=f'columns = ["paper", "GMAC"]\n{BASE}',
        grid=GRID.replace('["binary"]', '["binary", "material"]'),
        rows=rows,
    )
    run_benchmark(benchmark, runtime, tmp_path, runner=fake.good, only="*/binary/*")
    text = (tmp_path / "small.tex").read_text()
    assert r" & GMAC \\" in text and "paper" not in text
    run_benchmark(benchmark, runtime, tmp_path, runner=fake.good)
    assert r" & paper & GMAC \\" in (tmp_path / "small.tex").read_text()


def test_nothing_is_refused_while_a_cell_elsewhere_is_not_known(
    make: Make, runtime: Runtime, tmp_path: Path
) -> None:
    rows = "[[row]]\nname = 'here'\n[[row]]\nname = 'elsewhere'\nsrc = '/none'\ntask = 'classes'"
    grid = '[grid]\nmodel = ["enet"]\nseed = [0]'
    benchmark = make(base=f'columns = ["bolt"]\n{BASE}', grid=grid, rows=rows)
    outcome = run_benchmark(benchmark, runtime, tmp_path, runner=fake.good, only="here")
    assert len(outcome.records) == 1


@pytest.mark.parametrize("name", ["real", "icnet", "lite", "study/binary", "study/distillation"])
def test_the_heads_of_committed_tables_are_foreseen(name: str, tmp_path: Path) -> None:
    benchmark = load(BENCHMARKS / f"{name}.toml")
    out = (BENCHMARKS / f"{name}.toml").parent / "results"
    before = records.read(records_file(benchmark, out))
    shown = showing.only_chosen(collect(benchmark, tmp_path, before), benchmark.choose)
    lines = versions.read(versions.file_of(out, benchmark.name))
    tables = writing.tables_of(shown)
    tables += table.tables(measuring.current(benchmark, tmp_path, lines))
    heads = {head for one in tables for head in one.columns[one.labels :]}
    assert len(heads) > 3
    check_columns(replace(benchmark, columns=tuple(heads)), [], None)
