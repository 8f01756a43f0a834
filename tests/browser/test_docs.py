"""The docs site, built strictly and then driven in a real browser."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from dagen import plugins
from tests.browser.conftest import OpenPage
from tests.docs.test_generators import record
from tests.servers import free_port

CHECKOUT = Path(__file__).parents[2]
GENERATED = ("strategies", "networks", "data-sets", "benchmarks", "generated")
LOOKED_AT = (
    "index", "quickstart", "tutorials/your-data", "tutorials/a-strategy", "protocol",
    "feature-space", "benchmarks/index", "benchmarks/grid", "strategies/index",
    "strategies/advent", "networks/enet", "data-sets/taco", "reference/commands",
    "reference/plugins", "reference/functions", "architecture", "contributing", "changelog",
)  # fmt: skip
UNMEASURED = "dsu"
"""A strategy without results, whatever is committed."""
ROWS = {"source-only": 0.10, "adabn": 0.13, "advent": 0.16, "oracle": 0.5}


def grid() -> list[dict[str, Any]]:
    """A benchmark of two networks, two tasks and two seeds, beside the committed ones."""
    found = []
    for k, model in enumerate(("enet", "icnet")):
        for seed in (0, 1):
            for row, score in ROWS.items():
                scores = {"waste_iou": score + 0.01 * seed + 0.02 * k}
                one = record(row, 0.0, seed, model=model, scores={"taco": scores})
                found.append(one.to_dict())
                if row == "advent":  # without source-only there is no change to speak of
                    scores = {"foreground_miou": 0.3}
                    one = record(row, 0.0, seed, model=model, task="material",
                                 scores={"taco": scores})  # fmt: skip
                    found.append(one.to_dict())
    return found


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this checkout, one more benchmark and one row less; a warning fails it."""
    pytest.importorskip("sphinx", reason="the site needs Sphinx: pip install -e '.[docs]'")
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(CHECKOUT / "docs", root / "docs", ignore=shutil.ignore_patterns(*GENERATED))
    shutil.copytree(CHECKOUT / "benchmarks", root / "benchmarks")
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy(CHECKOUT / name, root)
    card = root / "dagen" / "deploy" / "hub" / "waste-int8.md"  # a page includes it
    card.parent.mkdir(parents=True)
    shutil.copy(CHECKOUT / "dagen" / "deploy" / "hub" / card.name, card)
    results = root / "benchmarks" / "results"
    for path in results.glob("*.jsonl"):
        measured = [line for line in path.open() if json.loads(line)["row"] != UNMEASURED]
        path.write_text("".join(measured))
    lines = "".join(json.dumps(one) + "\n" for one in grid())
    (results / "grid.jsonl").write_text(lines)
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "OMP_NUM_THREADS": "1"}
    env.pop("DAGEN_DATA", None)
    env["npm_config_offline"] = "true"  # without ONNX Runtime Web its page says so
    env["npm_config_cache"] = str(root / "npm")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, str(root / "docs"), str(root / "site")],
        env=env, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return root / "site"


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site behind a server on this machine, as it will be read."""
    free_port()  # skips where there is no loopback

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Any]:
    """Every page, parsed."""
    bs4 = pytest.importorskip("bs4")
    return {p: bs4.BeautifulSoup(p.read_bytes(), "html.parser") for p in site.rglob("*.html")}


def test_every_plugin_has_a_page(site: Path) -> None:
    for kind, folder in (
        ("methods", "strategies"),
        ("models", "networks"),
        ("datasets", "data-sets"),
    ):
        for name in plugins.names(kind):  # type: ignore[arg-type]
            text = (site / folder / f"{name}.html").read_text(encoding="utf-8")
            assert "When to use it" in text and name in text
    validators = (site / "generated" / "validators.html").read_text(encoding="utf-8")
    assert all(f'id="validator-{name}"' in validators for name in plugins.names("validators"))


def test_results_stand_on_the_pages_they_belong_to(site: Path) -> None:
    advent = (site / "strategies" / "advent.html").read_text(encoding="utf-8")
    assert "benchmarks/grid.html" in advent and "16.5 ± 6.4" in advent  # 12.7 * 0.005
    assert "Not measured yet" not in advent
    unmeasured = (site / "strategies" / f"{UNMEASURED}.html").read_text(encoding="utf-8")
    assert "Not measured yet" in unmeasured


def test_no_link_is_broken(site: Path, pages: dict[Path, Any]) -> None:
    anchors = {
        path: {tag.get("id") or tag.get("name") for tag in page.select("[id], [name]")}
        for path, page in pages.items()
    }
    broken = []
    for path, page in pages.items():
        for tag in page.select("[href], [src], [srcset]"):
            link = tag.get("href") or tag.get("src") or tag.get("srcset")
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert tag.name == "a", f"{path.name} loads {link} from elsewhere"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            fragment = unquote(parts.fragment)
            if not target.is_file() or (
                fragment and fragment not in anchors.get(target, {fragment})
            ):
                broken.append((path.name, link))
    assert not broken


def test_pages_can_be_heard(pages: dict[Path, Any]) -> None:
    for path, page in pages.items():
        assert page.html["lang"] == "en"
        assert len(page.find_all("h1")) == 1 or path.name == "search.html", path
        assert all(image.has_attr("alt") for image in page.find_all("img")), path
        for drawn in page.select("figure.charts svg[role=img]"):
            named = [drawn.find(id=i) for i in drawn["aria-labelledby"].split()]
            assert all(one is not None and one.text for one in named), path
        for table in page.select("table.sortable"):
            assert table.caption.text and table.select("th[scope=col]"), path


@pytest.mark.parametrize("dark", [False, True])
def test_pages_on_a_phone(open_page: OpenPage, address: str, dark: bool) -> None:
    page = open_page(f"{address}/index.html", width=390, height=844, dark=dark)
    for name in LOOKED_AT:
        page.goto(f"{address}/{name}.html")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, (name, wide)
        text, ground = page.evaluate(
            """() => [getComputedStyle(document.querySelector('article p')).color,
                      getComputedStyle(document.body).backgroundColor]"""
        )
        assert (luminance(ground) < 0.1) == dark, (name, ground)
        assert contrast(text, ground) >= 4.5, (name, text, ground)
    assert all(url.startswith(address) for url in page.requests)


@pytest.mark.parametrize("width", [800, 1120, 1200, 1280, 1600])
def test_nothing_is_wider_than_the_window(open_page: OpenPage, address: str, width: int) -> None:
    page = open_page(f"{address}/index.html", width=width)
    for name in LOOKED_AT:
        page.goto(f"{address}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2 of ``rgb(r, g, b)``."""
    numbers = colour[colour.index("(") + 1 : -1].replace(",", " ").split()[:3]
    shares = [float(n) / 255 for n in numbers]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """By WCAG 2, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_switch_of_the_theme(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}/index.html")
    grounds = set()
    for _ in range(3):
        page.locator("button.theme-toggle:visible").first.click()
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert sorted(luminance(ground) < 0.1 for ground in grounds) == [False, True]


def test_search_finds_advent(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}/index.html")
    field = page.locator("input[name=q]:visible").first
    field.fill("advent")
    field.press("Enter")
    page.locator("#search-results .search-summary").wait_for()
    page.locator("#search-results li a", has_text="ADVENT").first.click()
    page.wait_for_url("**/strategies/advent.html*")
    assert page.locator("h1").inner_text().startswith("ADVENT")


def column(page: Any, place: int) -> list[str]:
    cells = page.locator(f"#all-rows tbody tr:not([hidden]) > :nth-child({place})")
    return [text.strip() for text in cells.all_inner_texts()]


def test_tables_are_sorted(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}/benchmarks/index.html")
    heads = [h.strip() for h in page.locator("#all-rows thead th").all_inner_texts()]
    for name in ("score, %", "change"):
        place = heads.index(name) + 1
        head = page.locator(f"#all-rows thead th:nth-child({place})")
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        down = numbers(column(page, place))
        known = [n for n in down if n is not None]
        assert known == sorted(known, reverse=True) and len(set(known)) > 3
        assert down[: len(known)] == known  # what is missing stands last
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        up = numbers(column(page, place))
        assert up[: len(known)] == sorted(known) and len(up) == len(down)
    assert page.locator("#all-rows [aria-sort]").count() == 1


def numbers(texts: list[str]) -> list[float | None]:
    return [
        None if text == "–" else float(text.split()[0].replace("−", "-").replace("+", ""))
        for text in texts
    ]


def test_tables_are_filtered(open_page: OpenPage, address: str) -> None:
    page = open_page(f"{address}/benchmarks/index.html")
    box = page.locator("#all-rows")
    everything = len(column(page, 1))
    assert box.locator("output").inner_text() == f"{everything} of {everything} rows"
    box.get_by_label("benchmark", exact=True).select_option("grid")
    assert len(column(page, 1)) == 2 * len(ROWS) + 2
    box.get_by_label("task", exact=True).select_option("binary")
    box.get_by_label("network", exact=True).select_option("icnet")
    assert sorted(column(page, 1)) == sorted(ROWS)
    box.get_by_label("Filter rows", exact=True).fill("ADV")
    assert column(page, 1) == ["advent"]
    assert box.locator("output").inner_text() == f"1 of {everything} rows"
    box.get_by_label("Filter rows", exact=True).fill("no such row")
    assert column(page, 1) == []


def test_the_moving_picture_stands_still_when_asked(
    open_page: OpenPage, browser: Any, address: str
) -> None:
    source = "document.querySelector('figure.moving img').currentSrc"
    page = open_page(f"{address}/index.html")  # asks for reduced motion
    assert page.evaluate(source).endswith("adaptation.png")
    page.get_by_role("button", name="Play the picture").click()
    page.wait_for_function(f"{source}.endsWith('adaptation.webp')")
    page.get_by_role("button", name="Pause the picture").click()
    page.wait_for_function(f"{source}.endsWith('adaptation.png')")
    context = browser.new_context(reduced_motion="no-preference")
    other = context.new_page()
    other.goto(f"{address}/index.html")
    assert other.evaluate(source).endswith("adaptation.webp")
    context.close()


def test_the_site_needs_no_server(open_page: OpenPage, site: Path) -> None:
    page = open_page((site / "benchmarks" / "grid.html").as_uri())
    page.locator("thead button", has_text="waste IoU").first.click()
    assert page.locator("th[aria-sort=descending]").count() == 1
