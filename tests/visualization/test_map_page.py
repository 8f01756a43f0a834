"""The page is one file that loads nothing, holds what it shows, and no name breaks out of it."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagen.visualization import map_page
from dagen.visualization.embedding import Floats
from dagen.visualization.survey import Survey

Numbers = list[dict[str, float]]


def _data(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    values: dict[str, Any] = json.loads(found[1])
    return values


@pytest.fixture(scope="session")
def page(
    seen: Survey, places: Floats, numbers: Numbers, tmp_path_factory: pytest.TempPathFactory
) -> str:
    path = tmp_path_factory.mktemp("page") / "map.html"
    return map_page.write(seen, places, numbers, path).read_text(encoding="utf-8")


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert not re.search(r"""(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}""", page, re.I)
    assert not re.search(r"<(?:link|iframe|object|embed|img|base)\b", page)
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|importScripts|import)\s*\(", page)
    assert "@import" not in page and "url(" not in page
    assert "default-src 'none'; img-src data:;" in page
    assert "$" not in re.sub(r"`[^`]*`|\$\{[^}]*\}", "", page)  # no placeholder is left


def test_the_page_holds_every_point(page: str, seen: Survey) -> None:
    data = _data(page)
    points = data["points"]
    assert points["count"] == len(seen.points) == 120
    label = np.frombuffer(base64.b64decode(points["label"]), np.uint8)
    assert np.array_equal(label, seen.points.label)
    for k in range(2):
        answers = np.frombuffer(base64.b64decode(points["answers"][k]), np.uint8)
        assert np.array_equal(answers, seen.predictions[k])
        assert len(base64.b64decode(points["places"][k])) == 4 * 120
    picture = np.frombuffer(base64.b64decode(points["picture"]), "<u2")
    assert np.array_equal(picture, seen.points.picture)
    assert [p["name"] for p in data["pictures"]] == [p.name for p in seen.pictures]
    assert base64.b64decode(data["pictures"][0]["photo"])[:2] == b"\xff\xd8"  # a JPEG


def test_maps_share_one_frame(seen: Survey, places: Floats, page: str) -> None:
    data = _data(page)
    found = [
        np.frombuffer(base64.b64decode(each), "<u2").reshape(-1, 2) / 65535
        for each in data["points"]["places"]
    ]
    # One frame: the same line from places to the page for both networks, y turned over.
    given, shown = places.reshape(-1, 2), np.concatenate(found)
    slopes = []
    for axis in (0, 1):
        slope, start = np.polyfit(given[:, axis], shown[:, axis], 1)
        assert np.allclose(slope * given[:, axis] + start, shown[:, axis], atol=1e-3)
        slopes.append(slope)
    assert slopes[0] > 0 > slopes[1]
    assert np.isclose(
        -slopes[1] / slopes[0], data["aspect"], rtol=1e-3
    )  # no direction is stretched


def test_numbers_and_caption_need_no_script(page: str) -> None:
    text = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    for word in ("proxy A-distance", "k-NN label transfer", "centroid distance, paper", "seed 0",
                 "taco val (5 of 5 images)", 'scope="row"'):  # fmt: skip
        assert word in text


def test_no_name_breaks_out(seen: Survey, places: Floats, numbers: Numbers, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    given = replace(
        seen,
        pictures=[replace(p, name=evil) for p in seen.pictures],
        checkpoints=[replace(c, title=f"{evil}{k}") for k, c in enumerate(seen.checkpoints)],
    )
    text = map_page.write(given, places, numbers, tmp_path / "map.html").read_text()
    assert "<img" not in text and text.count("</script>") == 2
    assert _data(text)["pictures"][0]["name"] == evil
