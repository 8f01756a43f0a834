"""``dagen report``: what the page holds, and what a user can do wrong."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from typer.testing import CliRunner

from dagen import cli
from dagen.runs.history import read_records
from dagen.visualization.page import charts
from tests.tracking import made

PICK = {"step": 40, "value": 40.0, "waste_iou": 0.27, "foreground_miou": 0.25, "regret": 0.02}
JUDGED: dict[str, Any] = {
    "validators": {
        "last": PICK,
        "snd": {**PICK, "step": 20, "value": 0.3125, "foreground_miou": 0.27, "regret": 0.0},
    },
    "candidates": [
        {"step": s, "scores": made.scores(0.2 + s / 400), "values": {}} for s in (20, 40)
    ],
    "selection": {
        "select": "last", "step": 40, "scored_on": "taco", "forwards_per_candidate": 160,
        "not_applicable": {"dev": "step 40: the domains do not overlap."},
    },
}  # fmt: skip
VOID = {"meta", "img", "line", "br", "path", "circle"}


class Page(HTMLParser):
    """What a browser would see: text, addresses, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.addresses, self.tags = "", [], [], []  # type: ignore[var-annotated]
        self.feed(text)
        self.text = re.sub(r"\s+", " ", self.text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += f" {data}"


def report(runs: Path, *args: object) -> Any:
    return CliRunner().invoke(cli.app, ["report", *map(str, args), "--runs", str(runs)])


def page(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def test_a_run_stands_beside_its_baseline(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    made.finish(made.source_only(), runs, target=0.1, source=0.8)
    result = made.finish(made.config(), runs, extra=JUDGED)
    found = report(runs, result.name[-8:])
    assert found.exit_code == 0, found.exception
    assert found.stdout == f"Report: {result.folder / 'report.html'}\n"
    seen = page(result.folder / "report.html")
    assert "script" not in seen.tags and "link" not in seen.tags
    assert all(str(a).startswith(("data:image/webp;base64,", "#")) for a in seen.addresses)
    for words in (
        "advent beside source-only: resortit to taco",
        "On taco val: foreground mIoU 27.1 % (+15.0), waste IoU 27.2 % (+15.0), mIoU 27.0 %",
        "On resortit val: foreground mIoU 77.1 % (−5.0)",
        "aluminium 11.0",  # of source-only, then
        "▲: the best of a row",
        "tgt none taco",  # settings that differ
        "supervised/main",  # a curve
        "foreground mIoU on the target, by checkpoint",
        "snd 20 0.3125 27.0 27.0 0.0",
        "last (deployed) 40",
        "dev does not apply: step 40: the domains do not overlap.",
        "363,044", "1.54 MB", "0.500 G", "12 s",
        "dagen adapt --src resortit --tgt taco --method advent",
        "resortit/train, 480 images, SHA-256 7265736f7274",
        "Images of taco val with their truth and predictions.",
    ):  # fmt: skip
        assert words in seen.text, words
    # Every table, chart and picture says what was run, on which data, with which seed.
    told = "advent: enet, material, resortit to taco, 40 steps of batch 2 at 32x64, seed 0"
    assert seen.text.count(told) >= 7
    before = (result.folder / "report.html").read_bytes()
    assert report(runs, result.folder).exit_code == 0
    assert (result.folder / "report.html").read_bytes() == before


def test_titles_of_several_runs_name_the_settings_that_differ(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    made.finish(made.source_only(), runs, target=0.1)
    short = made.finish(made.config("dacs"), runs, target=0.2)
    long = made.finish(made.config("dacs", steps=80), runs, target=0.3)
    out = tmp_path / "page.html"
    found = report(runs, short.name, long.name, "--out", out)
    assert found.exit_code == 0, found.exception
    seen = page(out)
    # Source-only had the short budget alone: it is not added.
    assert "foreground mIoU 32.1 % (+10.0)" in seen.text
    assert "dacs, steps 80 beside dacs, steps 40" in seen.text
    assert "steps 40 80" in seen.text
    other = made.finish(made.config("advent"), runs, target=0.15)
    assert report(runs, short.name, other.name, "--out", out).exit_code == 0
    seen = page(out)
    assert "3 runs compared" in seen.text
    told = "foreground mIoU on taco val: source-only 12.1 %; dacs 22.1 %; advent 17.1 %."
    assert told in seen.text


def test_a_source_only_run_has_a_page_of_its_own(tmp_path: Path) -> None:
    result = made.finish(made.source_only(), tmp_path, target=0.1)
    assert report(tmp_path, result.name, "--latency").exit_code == 0
    seen = page(result.folder / "report.html")
    assert "source-only: resortit" in seen.text and "What differs" not in seen.text
    assert re.search(r"latency, one image \d+\.\d ms", seen.text)
    assert "Latency: median of 20, measured for this page on" in seen.text


def test_a_stream_shows_what_came_before(tmp_path: Path) -> None:
    rows = {"before": made.scores(0.1), "batch-norm": made.scores(0.2), "after": made.scores(0.25)}
    extra = {"stream": {"images": 70, "rows": rows}}
    result = made.finish(made.config("advent", init="run:gone"), tmp_path, extra=extra)
    assert report(tmp_path, result.name).exit_code == 0
    seen = page(result.folder / "report.html")
    assert "mIoU 12.0 22.0 27.0" in seen.text and "one pass over the 70 images" in seen.text


def test_pictures_of_visualize_come_with_their_own_captions(tmp_path: Path) -> None:
    result = made.finish(made.config(), tmp_path)
    (result.folder / "visualize").mkdir()
    told = PngImagePlugin.PngInfo()
    told.add_text("Description", "Measured on taco val <b>")
    for name in ("confusion", "cases-worst"):
        picture = Image.fromarray(np.zeros((8, 3000, 3), np.uint8))
        picture.save(result.folder / "visualize" / f"{name}.png", pnginfo=told)
    assert report(tmp_path, result.name).exit_code == 0
    seen = page(result.folder / "report.html")
    assert "Confusion matrices Measured on taco val <b>" in seen.text
    assert "Cases: worst" in seen.text
    assert 'width="2000" height="5"' in (result.folder / "report.html").read_text()
    (result.folder / "visualize" / "map.png").write_bytes(b"no picture")
    found = report(tmp_path, result.name)
    assert "map.png is not a readable image" in str(found.exception)


def test_it_is_added_to_the_mlflow_run(tmp_path: Path) -> None:
    from dagen.tracking.state import State
    from dagen.tracking.store import connect, tracking_uri

    runs = made.with_store(tmp_path / "runs")
    result = made.finish(made.config(), runs, track=True)
    found = report(runs, result.name)
    assert f"Added to the MLflow run of {result.name}" in found.stdout
    client = connect(tracking_uri(runs))
    run_id = State.load(result.folder).run_id
    assert [item.path for item in client.list_artifacts(run_id, "report")] == ["report/report.html"]
    before = len(read_records(result.folder))
    assert "Added" not in report(runs, result.name, "--no-track").stdout
    assert len(read_records(result.folder)) == before


def test_bad_input_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    result = made.finish(made.config(), runs)
    (runs / "half").mkdir()
    damaged = made.finish(made.config(seed=1), runs)
    (damaged.folder / "result.json").write_text('{"name": 1')
    for args, message in (
        (["advent"], "Did you mean resortit-taco-enet-advent"),
        ([result.name[:-1]], f"Did you mean {result.name}"),
        (["half"], "has no result.json. Run the same command again"),
        ([result.name, result.folder], "is given twice"),
        ([damaged.name], "result.json is damaged"),
        ([result.name, "--out", "nowhere/page.html"], "nowhere is not a folder"),
    ):
        found = report(runs, *args)
        text = str(found.exception)
        assert found.exit_code != 0 and message in text and "\n" not in text, (args, text)
    assert not (result.folder / "report.html").exists()


def test_charts_leave_out_what_cannot_be_drawn() -> None:
    titles = {0: "a <b>", 1: "b"}
    assert charts.lines("x", {0: [(1, 0.5)], 1: [(1, float("nan")), (2, 1.0)]}, titles) == ""
    drawn = charts.lines("x", {0: [(0, 1.0), (5, float("inf")), (10, 3.0)]}, titles)
    assert "a &lt;b&gt; from 1 to 3" in drawn and "nan" not in drawn and "inf" not in drawn
    points = re.search(r'points="([^"]*)"', drawn)
    assert points is not None and len(points[1].split()) == 2
    long = charts.lines("x", {0: [(k, k * 1.0) for k in range(1000)]}, titles)
    points = re.search(r'points="([^"]*)"', long)
    assert points is not None
    places = [tuple(map(float, pair.split(","))) for pair in points[1].split()]
    assert len(places) <= 300 and places == sorted(places)
    x, y = np.transpose(places)
    straight = np.polyval(np.polyfit(x, y, 1), x)
    np.testing.assert_allclose(y, straight, atol=0.11)  # places have one digit
