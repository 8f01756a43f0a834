"""The interactive feature map in a real browser: hover, filters, keyboard, dark, narrow."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dagen.visualization import distances, map_page
from dagen.visualization.survey import Survey
from tests.browser.conftest import OpenPage, until
from tests.visualization.tiny_survey import QUOTA, make_files, make_sides, make_survey

COUNT = 2 * 5 * QUOTA


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    root = tmp_path_factory.mktemp("map")
    return make_survey(make_files(root), make_sides(root))


@pytest.fixture(scope="session")
def url(seen: Survey, tmp_path_factory: pytest.TempPathFactory) -> str:
    # On a lattice: no point hides another.
    where = np.random.default_rng(0).permutation(COUNT)
    places = np.stack([np.column_stack([where % 15, where // 15])] * 2).astype(np.float32)
    numbers = [distances.measure(x, seen.points, seen.classes, 0) for x in seen.features]
    path = tmp_path_factory.mktemp("page") / "map.html"
    return map_page.write(seen, places, numbers, path).as_uri()


def hover(page: Any, point: int, network: int = 0) -> None:
    """Move the mouse onto a point."""
    text = page.evaluate("JSON.parse(document.getElementById('data').textContent).points.places")
    x, y = np.frombuffer(base64.b64decode(text[network]), "<u2").reshape(-1, 2)[point] / 65535
    canvas = page.locator("canvas.map").nth(network)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])


def shown(page: Any) -> list[int]:
    """How many points each map shows."""
    found = re.findall(r"(?:source-only|advent) ([\d,]+)", page.inner_text("#shown"))
    return [int(number.replace(",", "")) for number in found]


def painted(page: Any) -> list[int]:
    """How many colours each crop holds."""
    counts: list[int] = page.evaluate(
        """[...document.querySelectorAll("#crops canvas")].map((canvas) => {
             const { data } = canvas.getContext("2d").getImageData(0, 0, 224, 224);
             return new Set(new Uint32Array(data.buffer)).size; })"""
    )
    return counts


def test_hovering_shows_crop_truth_and_predictions(
    url: str, seen: Survey, open_page: OpenPage
) -> None:
    page = open_page(url)
    assert page.locator("#seen").is_hidden()
    for point, network in ((0, 0), (COUNT - 1, 0), (COUNT // 2, 1)):
        hover(page, point, network)
        page.wait_for_selector("#seen", state="visible")
        picture = seen.pictures[seen.points.picture[point]]
        until(
            page,
            "(name) => document.getElementById('where').textContent.includes(name)",
            picture.name,
        )
        told = page.inner_text("#told")
        assert f"truth: {seen.classes[seen.points.label[point]]}." in told
        for k, c in enumerate(seen.checkpoints):
            answer = seen.predictions[k, point]
            verdict = "right" if answer == seen.points.label[point] else "wrong"
            assert re.search(
                rf"{re.escape(c.title)}: {seen.classes[answer]}, . {verdict}, \d+\s% sure", told
            )
        until(
            page,
            """[...document.querySelectorAll("#crops canvas")].every((canvas) => canvas
                 .getContext("2d").getImageData(0, 0, 224, 224).data.some((v) => v > 0))""",
        )
    crops = page.evaluate(
        "[...document.querySelectorAll('#crops canvas')].map((canvas) => canvas.toDataURL())"
    )
    assert len(set(crops)) > 2  # truth and answers are laid over the photograph
    titles = page.locator("#crops figcaption").all_inner_texts()
    assert titles == ["image", "truth", "source-only", "advent"]
    assert all(colours > 10 for colours in painted(page))
    assert all(re.match(r"(?:file|data):", address) for address in page.requests)


def test_filters_choose_the_points_that_are_shown(
    url: str, seen: Survey, open_page: OpenPage
) -> None:
    page = open_page(url)
    assert shown(page) == [COUNT, COUNT]
    page.uncheck("[name=class][value=paper]")
    assert shown(page) == [COUNT - 2 * QUOTA] * 2
    page.uncheck("[name=domain][value=target]")
    assert shown(page) == [4 * QUOTA] * 2
    hover(page, int(np.flatnonzero(seen.points.label == 2)[0]))  # paper is not there any more
    told = page.inner_text("#told") if page.locator("#seen").is_visible() else ""
    assert "truth: paper" not in told
    page.check("[name=class][value=paper]")
    page.check("[name=domain][value=target]")
    wrong = (seen.predictions != seen.points.label).sum(1).tolist()
    page.uncheck("[name=answer][value=right]")
    assert shown(page) == wrong
    page.check("[name=answer][value=right]")
    page.uncheck("[name=answer][value=wrong]")
    assert shown(page) == [COUNT - each for each in wrong]
    page.check("[name=answer][value=wrong]")
    page.check("[name=changed]")
    assert shown(page) == [int((seen.predictions[0] != seen.predictions[1]).sum())] * 2


def test_colours_follow_the_choice(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    pixels = "document.querySelector('canvas.map').toDataURL()"
    pictures = [page.evaluate(pixels)]
    for choice in ("domain", "answer"):
        page.select_option("[name=colour]", choice)
        before = pictures[-1]
        until(page, f"(old) => {pixels} !== old", before)
        pictures.append(page.evaluate(pixels))
    assert len(set(pictures)) == 3
    assert page.locator(".mark.answer").first.is_visible()
    assert page.locator(".mark.class").first.is_hidden()


def test_the_keyboard_is_enough(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    canvas = page.locator("canvas.map").first
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#seen", state="visible")
    seen_texts = set()
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"):
        page.keyboard.press(key)
        seen_texts.add((page.inner_text("#where"), page.inner_text("#told")))
    assert len(seen_texts) > 1
    assert page.evaluate("document.getElementById('detail').classList.contains('pinned')")
    page.keyboard.press("+")
    until(page, "document.querySelector('canvas.map').classList.contains('zoomed')")
    page.keyboard.press("0")
    until(page, "!document.querySelector('canvas.map').classList.contains('zoomed')")
    page.keyboard.press("Escape")
    assert page.locator("#seen").is_hidden()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "map"  # the other map, no trap
    names = page.locator("canvas.map").evaluate_all("(all) => all.map((c) => c.ariaLabel)")
    assert "source-only" in names[0] and "advent" in names[1]


def test_a_click_holds_the_point(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    hover(page, 3)
    page.mouse.down()
    page.mouse.up()
    told = page.inner_text("#where"), page.inner_text("#told")
    hover(page, 70)
    assert (page.inner_text("#where"), page.inner_text("#told")) == told
    page.click("[data-zoom=in]")
    until(page, "document.querySelector('canvas.map').classList.contains('zoomed')")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone_by_day_and_night(url: str, open_page: OpenPage, dark: bool) -> None:
    page = open_page(url, width=390, height=844, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    lightness = sum(map(int, re.findall(r"\d+", ground)[:3])) / 3
    assert (lightness < 60) if dark else (lightness > 200)
    assert page.locator("#filters").is_hidden()  # folded away; one tap opens it
    page.click("summary")
    assert page.locator("#filters").is_visible()
    page.click("summary")
    box = page.locator("canvas.map").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_says_what_was_run(url: str, open_page: OpenPage) -> None:
    page = open_page(url)
    text = page.inner_text("footer")
    for word in ("resortit val (4 of 4 images)", "taco val (5 of 5 images)", "seed 0", "3 steps"):
        assert word in text
    assert page.locator("#numbers table").count() == 2
    assert "proxy A-distance" in page.inner_text("#numbers")


def test_the_page_is_a_plain_file(url: str) -> None:
    path = Path(url.removeprefix("file://"))
    assert path.stat().st_size < 300_000
