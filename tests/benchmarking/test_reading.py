"""From a TOML file to cells, and what is said of a file that is wrong."""

from pathlib import Path

import pytest

from dagen.benchmarking import keys, reading
from dagen.benchmarking.execution import check
from dagen.benchmarking.new import write_new
from dagen.benchmarking.tables.protocol import MANDATORY
from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from tests.benchmarking.conftest import BASE, GRID, ROWS, Make


def test_every_row_at_every_point_seed_by_seed(make: Make) -> None:
    cells = make(grid="[grid]\nmodel = ['enet', 'icnet']\nseed = [3, 5]", rows="""
        [[row]]
        name = "source-only"
        tgt = "none"
        [[row]]
        name = "stack"
        method = "fda,minent"
        minent.weight = 0.5
        steps = 9
    """).cells  # fmt: skip
    assert [cell.label for cell in cells] == [
        f"{row}/{model}/material/s{seed}"
        for seed in (3, 5)
        for model in ("enet", "icnet")
        for row in ("source-only", "stack")
    ]
    stack = cells[-1].config
    assert stack == from_mapping(
        {
            "src": "resortit", "tgt": "taco", "method": "fda,minent", "model": "icnet", "steps": 9,
            "parts": {"minent": {"weight": 0.5}}, "seed": 5, "size": [32, 32], "batch": 2,
            "width": 0.25, "candidates": 1,
        }
    )  # fmt: skip


def test_source_only_is_the_baseline_of_adapt_and_sees_no_target(make: Make) -> None:
    cells = {(cell.row, cell.config.seed): cell for cell in make().cells}
    baseline = cells["source-only", 1].config
    assert baseline == cells["adabn", 1].config.source_only()
    assert baseline.tgt is None and baseline.scored == ("resortit", "taco")


def test_ceilings_are_known_as_such_and_scored_on_both_domains(make: Make) -> None:
    cells = {cell.row: cell for cell in make().cells}
    assert cells["oracle"].config.ceiling == "oracle"
    assert cells["oracle+source"].config.ceiling == "oracle+source"
    assert cells["oracle"].config.src == "taco"
    for row in ("oracle", "oracle+source", "source-only", "adabn"):
        assert set(cells[row].config.scored) == {"resortit", "taco"}
        assert (cells[row].source, cells[row].target) == ("resortit", "taco")


def test_a_row_that_starts_from_another_comes_after_it(make: Make) -> None:
    cells = make().cells
    labels = [cell.label for cell in cells]
    assert labels.index("source-only/enet/binary/s0") < labels.index("continued/enet/binary/s0")
    assert "continued/enet/binary/s1" not in labels  # the row is restricted to seed 0
    continued = next(cell for cell in cells if cell.row == "continued")
    needed = next(cell for cell in cells if cell.row == "source-only")
    assert continued.needs == (needed.config.name,)
    assert continued.config.init == f"run:{needed.config.name}"


def test_strategies_of_the_base_serve_the_rows_that_hold_them(make: Make) -> None:
    base = BASE + "photometric.strength = 0.5\nphotometric.p = 0.9\nselect = 'infomax'\n"
    rows = ROWS + '[[row]]\nname = "weak"\nmethod = "photometric"\nphotometric.p = 0.1\n'
    cells = {cell.row: cell.config for cell in make(base=base, rows=rows).cells}
    assert cells["adabn"].parts == {}
    assert cells["source + strong augmentation"].parts["photometric"]["p"] == 0.9
    assert cells["weak"].parts == {"photometric": {"strength": 0.5, "p": 0.1}}
    # Who looks at target images cannot choose where there are none.
    assert cells["source-only"].select == cells["oracle"].select == "last"
    assert cells["adabn"].select == "infomax"


def test_any_setting_can_be_an_axis(make: Make) -> None:
    rows = "[[row]]\nname = 'one'\nsize = [64, 64]\n[[row]]\nname = 'both'"
    cells = make("", "[grid]\nsize = [[32, 32], [64, 64]]\nlr = [0.1]", rows).cells
    assert [(cell.row, cell.config.size) for cell in cells] == [
        ("both", (32, 32)), ("one", (64, 64)), ("both", (64, 64)),
    ]  # fmt: skip
    assert cells[0].axes == {"size": [32, 32], "lr": 0.1}


def test_an_axis_may_lie_in_a_table(make: Make) -> None:
    rows = """
        [[row]]
        name = "all"
        model_options.ibn = true
        [[row]]
        name = "one"
        model_options.dropout = 0.2
    """
    grid = "[grid]\nmodel_options.dropout = [0.0, 0.2]\nminent.weight = [0.1]"
    cells = make(BASE, grid, rows).cells
    point = {"model_options.dropout": 0.2, "minent.weight": 0.1}
    assert [(cell.row, cell.config.model_options, cell.axes) for cell in cells] == [
        ("all", {"dropout": 0.0, "ibn": True}, point | {"model_options.dropout": 0.0}),
        ("all", {"dropout": 0.2, "ibn": True}, point),
        ("one", {"dropout": 0.2}, point),
    ]
    with pytest.raises(UsageError, match=r"unknown axis 'size\.x'"):
        make(BASE, "[grid]\nsize.x = [1]", rows)
    with pytest.raises(UsageError, match=r"is in \[base\] and in \[grid\]"):
        make(BASE + "model_options.dropout = 0.1", grid, rows)


def test_a_row_that_names_its_loss_alone_has_the_loss_of_each_point(make: Make) -> None:
    grid = "[grid]\nloss.gamma = [1.0, 3.0]"
    cells = make(BASE, grid, '[[row]]\nname = "a"\nloss = "focal"').cells
    assert [cell.config.loss_options for cell in cells] == [{"gamma": 1.0}, {"gamma": 3.0}]
    assert {cell.config.loss for cell in cells} == {"focal"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(grid="[gird]\nseed = [0]"), "unknown key 'gird'; did you mean 'grid'"),
        (dict(grid="[augment]\nmirror = false"), "augment is a setting of runs; write it below"),
        (dict(grid="[advent]\nweight = 1.0"), "or as [base.advent] if it is a table"),
        (dict(grid="[grid]\nmodell = ['enet']"), "unknown axis 'modell'; did you mean 'model'"),
        (dict(grid="[grid]\nseed = []"), "seed is []; give a list of values"),
        (dict(grid="[grid]\nseed = 3"), "seed is 3; give a list of values"),
        (dict(grid="[grid]\nseed = [1, 1]"), "name every value once"),
        (dict(grid="[grid]\nsteps = [1]"), "steps is in [base] and in [grid]"),
        (dict(grid="[grid]\nseed = [0, -1]"), "row 'source-only': seed is -1"),
        (dict(grid="[grid]\nmodel = ['ennet']"), "unknown network 'ennet'; did you mean 'enet'"),
        (dict(base=BASE + "stepz = 3"), "unknown setting 'stepz'; did you mean 'steps'"),
        (dict(base="base = 3"), "base must be a table"),
        (dict(rows=""), "no [[row]]"),
        (dict(rows="[[row]]\nmethod = 'adabn'"), "row 1 has no name"),
        (dict(rows=ROWS + "[[row]]\nname = 'adabn'"), "two rows are called 'adabn'"),
        (dict(rows="[[row]]\nname = 'x'\nmethod = 'advnet'"), "did you mean 'advent'"),
        (dict(rows="[[row]]\nname = 'x'\nlr = -1"), "row 'x': lr is -1"),
        (dict(rows="[[row]]\nname = 'x'\nmodel = 'icnet'"), "'icnet' is not on the axis"),
        (dict(rows="[[row]]\nname = 'x'\nmodel = []"), "model is empty"),
        (dict(rows="[[row]]\nname = 'x'\ninit = 'row:y'"), "unknown row to start from 'y'"),
        (dict(rows="[[row]]\nname = 'x'\ninit = 'row:x'"), "start from each other: x -> x"),
        (
            dict(rows=ROWS.replace('tgt = "none"', 'tgt = "none"\nseed = 1', 1)),
            "starts from 'source-only', which has no cell",
        ),
        (dict(base=BASE + "minent = 3"), "minent is a strategy"),
        (dict(grid="[grid"), "not valid TOML"),
        (dict(base="columns = 3"), "columns is 3; write a list of heads"),
    ],
)
def test_a_wrong_file_is_one_clear_line(make: Make, change: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        make(**change)
    assert message in str(error.value)
    assert "small.toml" in str(error.value) and "\n" not in str(error.value).split("TOML:")[0]


def test_patterns_choose_cells_and_what_they_need(make: Make) -> None:
    found = make()
    assert {cell.row for cell in found.only("continued")} == {"continued", "source-only"}
    assert [cell.label for cell in found.only("adabn/*/s1")] == ["adabn/enet/binary/s1"]
    assert len(found.only(None)) == len(found.cells) == 11
    with pytest.raises(UsageError, match="no cell of small matches 'nothing'"):
        found.only("nothing")


def test_names_are_looked_up_here_first_and_then_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped, results = reading.find("baselines")
    assert shipped.parent.name == "benchmarking" and results == Path("benchmarks/results")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "own.toml").write_text(BASE + GRID + ROWS)
    assert reading.find("own") == (Path("benchmarks/own.toml"), Path("benchmarks/results"))
    (tmp_path / "benchmarks" / "many").mkdir()
    for name in ("b", "a"):
        (tmp_path / "benchmarks" / "many" / f"{name}.toml").write_text(BASE + GRID + ROWS)
    inside = Path("benchmarks/many")
    assert reading.find("many/a") == (inside / "a.toml", inside / "results")
    assert [file.stem for file, _ in reading.find_all("many")] == ["a", "b"]
    assert reading.find_all("own") == [reading.find("own")]
    with pytest.raises(UsageError, match="a folder of 2 benchmarks; name one of them, such as"):
        reading.find("many")
    commands = {"benchmarks/own.toml": "own", "benchmarks/many/a.toml": "many/a"}
    for file, name in commands.items():
        for path in (Path(file), tmp_path / file):
            assert reading.load(path).command == f"dagen benchmark {name}"
    (tmp_path / "x.toml").write_text(BASE + GRID + ROWS)
    assert reading.load(tmp_path / "x.toml").command == "dagen benchmark x.toml"
    assert reading.find("x/y.toml") == (Path("x/y.toml"), Path("x/results"))
    with pytest.raises(UsageError, match="did you mean 'baselines'"):
        reading.find("baseline")
    with pytest.raises(UsageError, match="cannot read"):
        reading.load(Path("x/y.toml"))


@pytest.mark.parametrize("name", ["baselines", "screen", "real"])
def test_the_files_that_are_committed_can_be_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    found = reading.load(reading.find(name)[0])
    if name == "baselines":
        models = dict.fromkeys(cell.config.model for cell in found.cells)
        assert list(models) == ["icnet", "bisenet", "enet"]
        assert {cell.config.task for cell in found.cells} == {"binary", "material"}
    else:
        assert set(MANDATORY) <= set(found.rows)
    if name == "real":  # the rows of the others are too many to build in a test
        check(cell for cell in found.cells if cell.config.model == "enet")


def test_a_row_that_pre_trains_takes_no_setting_of_scores(make: Make) -> None:
    base = f"{BASE.replace('candidates = 1', 'candidates = 3')}empty = 'folder'"
    rows = """
        [[row]]
        name = "start"
        method = "features"
        [[row]]
        name = "after"
        method = "minent"
        init = "row:start"
    """
    cells = {cell.row: cell for cell in make(base=base, rows=rows).cells}
    start, after = cells["start"].config, cells["after"]
    assert (start.empty, start.candidates, start.score) == (None, 1, ())
    assert after.needs == (start.name,) and after.config.init == f"run:{start.name}"
    assert (after.config.empty, after.config.candidates) == ("folder", 3)
    check([cells["start"]])


def test_the_new_file_can_be_read_and_names_every_key(tmp_path: Path) -> None:
    path = write_new(str(tmp_path / "mine.toml"))
    found = reading.load(path)
    check(found.cells)
    assert set(MANDATORY) <= set(found.rows) and found.command == "dagen benchmark mine.toml"
    text = path.read_text()
    for key in keys.FILE:
        assert f"{key} = " in text or f"[{key}]" in text
    live = text.replace("# lr =", "lr =").replace("# columns", "columns")
    (tmp_path / "all.toml").write_text(live)
    assert reading.load(tmp_path / "all.toml").columns == ("waste IoU", "MB", "GMAC")
    with pytest.raises(UsageError, match="is there already"):
        write_new(str(path))
    for nothing in ("", " ", f"{tmp_path}/"):
        with pytest.raises(UsageError, match="names no file"):
            write_new(nothing)


TAUGHT = """
    [[row]]
    name = "taught"
    model = "enet"
    method = "distill"
    distill.teacher = "row:large"
    init = "row:start"
    [[row]]
    name = "large"
    model = "icnet"
    method = "teacher"
    teacher.maps = ["u2netp", "row:plain"]
    [[row]]
    name = "start"
    method = "features"
    [[row]]
    name = "plain"
    method = "minent"
"""


def test_rows_may_be_taught_by_rows_of_another_network(make: Make) -> None:
    made = make(rows=TAUGHT, grid="[grid]\nmodel = ['enet', 'icnet']\nseed = [0, 1]")
    for seed in (0, 1):
        cells = {c.label: c for c in made.cells if c.config.seed == seed}
        taught, large = (
            cells[f"taught/enet/material/s{seed}"],
            cells[f"large/icnet/material/s{seed}"],
        )
        start, plain = cells[f"start/enet/material/s{seed}"], cells[f"plain/icnet/material/s{seed}"]
        assert taught.needs == (start.config.name, large.config.name)
        assert taught.config.init == f"run:{start.config.name}"
        assert taught.config.parts == {"distill": {"teacher": f"run:{large.config.name}"}}
        assert large.config.parts["teacher"]["maps"] == ["u2netp", f"run:{plain.config.name}"]
        assert large.needs == (plain.config.name,)
        found = made.only(f"taught/*/s{seed}")
        assert {cell.config.name for cell in found} == {
            cell.config.name for cell in (taught, large, start, plain)
        }


def test_a_teacher_that_is_no_row_is_refused(make: Make) -> None:
    for teacher, message in (("row:b", "unknown row to start from 'b'"), ("row:a", "each other")):
        with pytest.raises(UsageError, match=message):
            make(rows=f"[[row]]\nname = 'a'\nmethod = 'distill'\ndistill.teacher = '{teacher}'")
