"""What the generated pages are made of, without building them."""

import importlib
import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest

from dagen.benchmarking.tables.records import Record

EXTENSION = Path(__file__).parents[2] / "docs" / "_ext"


@pytest.fixture(scope="module")
def made() -> Any:
    """The site's own modules, by name."""
    pytest.importorskip("sphinx", reason="the site needs Sphinx: pip install -e '.[docs]'")
    sys.path.insert(0, str(EXTENSION))
    try:
        names = (
            "charts",
            "compression",
            "docstrings",
            "growth",
            "results",
            "speed",
            "tables",
            "writing",
        )
        return SimpleNamespace(**{n: importlib.import_module(f"sitepages.{n}") for n in names})
    finally:
        sys.path.remove(str(EXTENSION))


def record(row: str, score: float, seed: int = 0, **changes: Any) -> Record:
    """A run on the target, its waste IoU as given."""
    method = {"source-only": ["supervised"]}.get(row, [row])
    values: dict[str, Any] = {
        "row": row, "model": "enet", "task": "binary", "seed": seed, "source": "resortit",
        "target": "taco", "axes": {}, "run": f"{row}-{seed}", "commit": "0" * 40, "torch": "2.15.0",
        "hardware": "none", "seconds": 1.0,
        "config": {"steps": 2, "batch": 4, "size": [32, 64], "method": method},
        "scores": {"taco": {"waste_iou": score}},
        "profile": {"bytes": 1_500_000, "macs": 700_000_000},
    }  # fmt: skip
    return Record(**{**values, **changes})


def committed(folder: Path, name: str, lines: list[Any]) -> None:
    (folder / "results").mkdir(exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "results" / f"{name}.jsonl").write_text(text)


def test_results_of_every_age_and_kind(made: Any, tmp_path: Path) -> None:
    warnings: list[str] = []
    assert made.results.read_all(tmp_path, warnings.append) == []
    new = [record("source-only", 0.1), record("advent", 0.2), record("advent", 0.3, seed=1)]
    committed(tmp_path, "grid", [one.to_dict() for one in new])
    (tmp_path / "grid.toml").write_text('title = "A grid"\nnote = "Small."\n')
    (tmp_path / "results" / "grid.md").write_text("# A grid\n\n**Not complete**: 3 of 9 cells.\n")
    old = {"model": "enet", "row": "advent", "seed": 0, "profile": {}, "seconds": 5}
    committed(tmp_path, "main_job", [{**old, "scores": {"taco": {"foreground_miou": 0.5}}}])
    committed(tmp_path, "timings", [{"images_per_second": 3}])
    committed(tmp_path, "nothing", [])
    (tmp_path / "results" / "damaged.jsonl").write_text('{"row": 1, "model": 2, "scores": 3, "c')
    with pytest.raises(ValueError, match="Unterminated"):
        made.results.read_all(tmp_path, warnings.append)
    (tmp_path / "results" / "damaged.jsonl").write_text(
        json.dumps({"row": 1, "model": 2, "scores": 3, "config": {}}) + "\n"
    )
    found = made.results.read_all(tmp_path, warnings.append)
    assert [(one.name, one.title, len(one.records)) for one in found] == [
        ("grid", "A grid", 3),
        ("main_job", "First runs on real images", 1),
    ]
    assert [one.missing for one in found] == ["**Not complete**: 3 of 9 cells.", ""]
    assert len(warnings) == 1 and "damaged.jsonl, line 1" in warnings[0]
    lines = {line.row: line for line in made.results.lines(found[:1])}
    assert lines["advent"].score.mean == pytest.approx(0.25)
    assert lines["advent"].change == pytest.approx(0.15)
    assert lines["source-only"].change is None and lines["source-only"].strategies == ()


def test_records_stand_in_the_order_of_their_benchmark(made: Any, tmp_path: Path) -> None:
    """Gains are told over the first row, which is not the first by letter."""
    lines = [
        record(row, 0.2, seed, axes={"source_labels": labels}, run=f"{row}{labels}{seed}").to_dict()
        for row in ("after {lr=0.1}", "from scratch", "gone")
        for labels in ("all", 48)
        for seed in (0, 1)
    ]
    committed(tmp_path, "grid", lines)
    rows = "".join(f"[[row]]\nname = '{name}'\n" for name in ("from scratch", "after"))
    (tmp_path / "grid.toml").write_text(
        f"[grid]\nsource_labels = [48, 'all']\nseed = [0, 1]\n{rows}"
    )
    (found,) = made.results.read_all(tmp_path, pytest.fail)
    assert [(one.seed, one.axes["source_labels"], one.row) for one in found.records] == [
        (seed, labels, row)
        for seed in (0, 1)
        for labels in (48, "all")
        for row in ("from scratch", "after {lr=0.1}", "gone")
    ]


def test_results_in_folders_keep_the_folder_in_their_name(made: Any, tmp_path: Path) -> None:
    study = tmp_path / "study"
    study.mkdir()
    committed(study, "losses", [record("focal", 0.2).to_dict()])
    (study / "losses.toml").write_text("title = 'Losses'\nnote = 'Why.'\n")
    (found,) = made.results.read_all(tmp_path, pytest.fail)
    assert (found.name, found.page, found.title) == ("study/losses", "study-losses", "Losses")
    assert found.file == "study/results/losses.jsonl"
    assert found.source == "benchmarks/study/losses.toml"


def test_front_and_ticks(made: Any) -> None:
    points = [
        made.charts.Point(x, y, None) for x, y in [(2, 5), (1, 3), (1, 2), (3, 5), (4, 9), (3, 4)]
    ]
    beaten = {
        (p.x, p.y)
        for p in points
        for q in points
        if q.x <= p.x and q.y >= p.y and (q.x, q.y) != (p.x, p.y)
    }
    expected = sorted({(p.x, p.y) for p in points} - beaten)
    assert [(p.x, p.y) for p in made.charts.front(points)] == expected == [(1, 3), (2, 5), (4, 9)]
    for largest in (0.003, 0.7, 3.1, 8.41, 99.9, 1234.0):
        ticks = made.charts.ticks(largest)
        assert ticks[0] == 0 and ticks[-1] >= largest and 3 <= len(ticks) <= 5
        steps = [b - a for a, b in itertools.pairwise(ticks)]
        assert steps == pytest.approx([steps[0]] * len(steps))


def test_a_chart_says_what_it_shows(made: Any, tmp_path: Path) -> None:
    rows = [record("source-only", 0.1), record("a<b", 0.2), record("oracle", 0.6)]
    committed(tmp_path, "grid", [one.to_dict() for one in rows])
    lines = list(made.results.lines(made.results.read_all(tmp_path, pytest.fail)))
    svg = made.charts.pareto("c", lines, lambda line: line.weight("bytes") / 1e6, "MB", "All <t>")
    assert '<title id="c-t">All &lt;t&gt;</title>' in svg
    assert "enet a&lt;b: 20.0 % at 1.50" in svg  # the front, in words
    assert svg.count("<title>enet, ") == 3 and 'class="point ceiling"' in svg
    assert made.charts.pareto("c", lines, lambda line: float("nan"), "MB", "t") == ""
    assert ">a&lt;b</text>" in svg
    alone = made.charts.pareto("c", lines[:1], lambda line: line.weight("bytes") / 1e6, "MB", "t")
    assert ">enet</text>" in alone  # where all rows have one name, networks tell them apart


@dataclass(frozen=True)
class Config:
    """Parameters.

    Attributes:
        weight: of the loss
            (paper: 1).
        kind: ``a`` or ``b``.
    """

    weight: "float" = 0.5
    kind: "Literal['a', 'b']" = "a"


def test_docstrings(made: Any) -> None:
    parameters = made.docstrings.parameters(Config)
    assert [(p.name, p.kind, p.default, p.text) for p in parameters] == [
        ("weight", "float", "0.5", "of the loss (paper: 1)."),
        ("kind", "Literal['a', 'b']", "'a'", "``a`` or ``b``."),
    ]
    told = made.docstrings.told("dagen.methods.advent", "advent")
    assert told.title == "ADVENT" and told.without("Vu et al., CVPR 2019").endswith("entropy maps")
    body = "As ``m = l m(x)`` and ``advent`` and ``exp(-|x_a|^2 / eta)``, again ``m = l\nm(x)``."
    found = made.docstrings.formulas(body)
    assert found == ["m = l m(x)", "exp(-|x_a|^2 / eta)"]
    assert made.docstrings.typeset(found[1]) == "exp(-|x<sub>a</sub>|<sup>2</sup> / η)"


def test_text_is_not_read_as_markup(made: Any) -> None:
    assert made.writing.plain("see `a b` or *all* of |x|") == r"see ``a b`` or \*all\* of \|x\|"


def test_what_no_page_needs_any_more_goes(made: Any, tmp_path: Path) -> None:
    first = made.writing.Site(tmp_path)
    for name in ("strategies/old.rst", "strategies/kept.rst", "reference/commands.rst"):
        first.write(name, "text")
    before = (tmp_path / "strategies/kept.rst").stat().st_mtime_ns
    again = made.writing.Site(tmp_path)
    again.write("strategies/kept.rst", "text")
    again.remove_stale()
    assert not (tmp_path / "strategies/old.rst").exists()
    assert (tmp_path / "reference/commands.rst").exists()
    assert (tmp_path / "strategies/kept.rst").stat().st_mtime_ns == before  # not written again


def test_an_axis_is_logarithmic_where_values_differ_by_factors(made: Any) -> None:
    near, far = made.charts.scale([0.2, 0.7]), made.charts.scale([0.2, 0.7, 12.8])
    assert not near.logarithmic and near.share(near.ticks[-1]) == 1
    assert far.logarithmic
    assert list(far.ticks) == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
    assert far.share(2) - far.share(0.2) == pytest.approx(far.share(10) - far.share(1))
    assert list(made.charts.scale([0.2, 1800]).ticks) == pytest.approx([0.1, 1, 10, 100, 1e3, 1e4])
    assert 0 < far.share(0.2) < far.share(0.7) < far.share(12.8) < 1
    assert not made.charts.scale([0.0, 12.8]).logarithmic


def test_latencies_join_the_rows_of_their_network_and_size(made: Any, tmp_path: Path) -> None:
    timed = {"precision": "float32", "bytes": 1, "macs": 1, "p95_ms": 9.0, "runs": 5}
    rows = [
        {**timed, "network": "enet", "size": [32, 64], "runtime": "PyTorch 2", "median_ms": 8.0},
        {**timed, "network": "enet", "size": [32, 64], "runtime": "ONNX Runtime 1",
         "median_ms": 2.0},
        {**timed, "network": "u2netp", "size": [9, 9], "runtime": "ONNX Runtime 1",
         "median_ms": 70.0},
    ]  # fmt: skip
    every = [{**row, "times_pytorch": None, "times_teacher": 1.0} for row in rows]
    reference = record("u2netp as it comes", 0.6, model="u2netp", config={})
    other = record("larger", 0.3, config={"steps": 2, "batch": 4, "size": [64, 64]})
    committed(tmp_path, "grid", [r.to_dict() for r in (record("advent", 0.2), other, reference)])
    file = tmp_path / "results" / "latency.json"
    file.write_text(json.dumps({"hardware": "an abacus", "threads": 2, "rows": every}))
    found = {
        line.row: line.milliseconds
        for line in made.results.lines(made.results.read_all(tmp_path, pytest.fail))
    }
    assert found["advent"] == 2.0 and found["u2netp as it comes"] == 70.0
    assert found["larger"] != found["larger"]  # not measured at that size


def test_growth_is_told_in_words(made: Any, tmp_path: Path) -> None:
    at = [10, 100, 1000, 10000]
    for values, told in (
        ([1.0, 1.02, 1.01, 1.015], "does not grow"),
        ([1.0, 1.02, 0.95, 0.94], "does not grow"),
        # Small beside what every process takes, and still so many bytes for each cell.
        ([1041.0, 1042, 1065, 1122], "grows by 8%, from 1,041 to 1,122"),
        ([2.0 + 0.01 * x for x in at], "grows in proportion to cells (exponent 1.00)"),
        ([1.0 + x**2 for x in at], "grows faster than cells (exponent 1.9"),
        ([1.0 + x**0.5 for x in at], "grows more slowly than cells (exponent 0."),
        ([4.0, 3.0, 2.5, 2.0], "falls to 50% from 10 to 10,000 cells"),
        ([1.0, 1.01, 1.01, 2.0], "grows from 1 to 2, but not by a power of cells"),
        ([1200.0, 1800, 1700, 1750], "grows from 1,200 to 1,750, but not by a power of cells"),
    ):
        assert made.growth.words(at, values, "cells").startswith(told)
    site = made.writing.Site(tmp_path)
    made.growth.write(site, tmp_path)
    written = tmp_path / "generated" / "growth.rst"
    assert "Not measured yet" in written.read_text()
    points = [{"at": x, "seconds": 0.1 * x, "megabytes": 100.0} for x in at]
    axes = {"cells": {"counts": "cells", "does": "reading a grid", "points": points}}
    found = {"hardware": "an abacus", "torch": "2", "commit": "c", "rounds": 1, "axes": axes}
    (tmp_path / "growth.json").write_text(json.dumps(found))
    made.growth.write(site, tmp_path)
    text = written.read_text()
    assert text.count("<svg") == 2 and text.count("<circle") == 8 and "an abacus" in text


def test_a_budget_search_shows_its_front_and_what_is_saved_within_the_loss(
    made: Any, tmp_path: Path
) -> None:
    site = made.writing.Site(tmp_path)
    made.compression.write(site, tmp_path)
    written = tmp_path / "generated" / "compression.rst"
    assert "Not measured yet" in written.read_text()

    def tried(precision: str, size: int, loss: float, front: bool = True) -> dict[str, Any]:
        rung = {"network": "", "size": [size, size], "format": "onnx", "precision": precision}
        return {
            "rung": rung, "bytes": 4000 if precision == "float32" else 1000, "macs": size * 10**6,
            "loss": loss, "latency_ms": 2.0, "p95_ms": 3.0, "runtime": "a runtime", "score": 49.54,
            "front": front, "chosen": precision == "int8" and loss < 1, "file": "x",
        }  # fmt: skip

    every = [
        tried("float32", 160, 0.0), tried("int8", 160, 0.9), tried("int8", 80, 30.0),
        tried("fp16", 80, 31.0, front=False),
    ]  # fmt: skip
    found = {"tried": every, "max_drop": 1.0, "threads": 2, "images": "16 images of taco"}
    (tmp_path / "compress-toy.json").write_text(json.dumps(found))
    (tmp_path / "compress-toy.png").write_bytes(b"")
    made.compression.write(site, tmp_path)
    text = written.read_text()
    assert "compress-toy.png" in text and "49.5" in text and "fp16" not in text
    assert "4 files were tried, on 16 images of taco" in text
    assert "the smallest file has 25% of the bytes of float32" in text
    assert "least operations are 100% of the whole" in text and text.count("yes") == 1
    (tmp_path / "compress-toy.json").write_text(json.dumps({**found, "max_drop": -1}))
    made.compression.write(site, tmp_path)
    assert "No file is within a loss of -1 point(s)" in written.read_text()


def test_speed_shows_what_was_measured(made: Any, tmp_path: Path) -> None:
    site = made.writing.Site(tmp_path)
    made.speed.write(site, tmp_path)
    written = tmp_path / "generated" / "speed.rst"
    assert written.read_text().count("Not measured yet") == 2
    where = {"hardware": "an abacus", "torch": "2", "commit": "c"}
    figure = {"name": "a step", "value": 3.217, "asked": 3, "unit": "times", "least": True}
    late = {"name": "a start", "value": 0.7, "asked": 0.5, "unit": "s", "least": False}
    figures = [{**figure, "met": True}, {**late, "met": False}]
    (tmp_path / "bench.json").write_text(json.dumps({**where, "figures": figures}))
    row = {
        "model": "enet", "method": "advent", "seconds": 0.51,
        "shares": {"convolution": 0.75, "other": 0.25},
    }  # fmt: skip
    profile = {**where, "size": [160, 192], "batch": 4, "rows": [row]}
    (tmp_path / "step_profile.json").write_text(json.dumps(profile))
    made.speed.write(site, tmp_path)
    text = written.read_text()
    for told in ("3.22 times", "at least 3 times", "at most 0.5 s", "160x192", "75%", "an abacus"):
        assert told in text
