"""The page that runs networks in the browser: its masks are those of the Python runtime."""

import functools
import http.server
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dagen
from dagen.deploy.export import export
from tests.browser.conftest import OpenPage, until
from tests.deploy.conftest import bring, deploy, photograph
from tests.servers import free_port

CHECKOUT = Path(__file__).parents[2]
SHAPES = ((70, 90), (20, 30), (300, 41))
"""Larger than the networks' input, smaller, and a strip that is scaled down."""
FIXED = ((70, 90), (32, 48), (41, 300), (700, 20))
"""Two windows of a fixed input, one, a row of them, and a strip that is narrower than the input."""

SAID = "document.querySelector('.try-said').textContent"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A network in float32, and the same in uint8 with half weights."""
    folder = tmp_path_factory.mktemp("nets")
    with pytest.MonkeyPatch.context() as patch:
        bring(patch)
        model = deploy(folder)
        yield {
            "before": export(model, folder / "before.onnx", licence="MIT").file,
            "after": export(model, folder / "after.onnx", kind="uint8", fp16=True).file,
        }


@pytest.fixture(scope="module")
def address(networks: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page and what it loads, behind a server on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(CHECKOUT / "docs" / "_ext"))
        pytest.importorskip("sphinx", reason="the page needs Sphinx: pip install -e '.[docs]'")
        from sitepages import browser as made

        runtime = CHECKOUT / "build" / f"{made.PACKAGE}-{made.VERSION}"
        if not all((runtime / name).is_file() for name in made.FILES):
            pytest.skip("ONNX Runtime Web is not here; `make docs` fetches it once, with npm")
        free_port()  # skips where there is no loopback
        root = tmp_path_factory.mktemp("site")
        parts = root / "_static" / "try"
        shutil.copytree(CHECKOUT / "docs" / "_static" / "try", parts)
        for path in (*(runtime / name for name in made.FILES), *networks.values()):
            shutil.copyfile(path, parts / path.name)
        given = ' data-before="before.onnx" data-after="after.onnx"'
        style = (CHECKOUT / "docs" / "_static" / "dagen.css").read_text()
        for name, networks_given in (("index", given), ("empty", "")):
            body = made.HTML.replace("{given}", networks_given)
            page = f"<!doctype html><link rel=icon href=data:,><style>{style}</style>{body}"
            (root / f"{name}.html").write_text(page)
        sys.modules.pop("sitepages.browser", None)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def masks(page: Any, which: str) -> np.ndarray:
    """The mask that the page shows."""
    found = page.evaluate(
        "(which) => { const m = window.dagenTry.masks[which];"
        " return [m.height, m.width, [...m.mask]]; }", which,
    )  # fmt: skip
    return np.array(found[2], np.uint8).reshape(found[:2])


@pytest.mark.parametrize("shape", SHAPES)
def test_its_masks_are_those_of_the_python_runtime(
    address: str, networks: dict[str, Path], open_page: OpenPage, tmp_path: Path,
    shape: tuple[int, int],
) -> None:  # fmt: skip
    image = photograph(*shape, seed=3)
    Image.fromarray(image).save(tmp_path / "photo.png")
    page = open_page(f"{address}/index.html")
    until(page, "window.dagenTry && window.dagenTry.ready")
    page.set_input_files(".try-photo", tmp_path / "photo.png")
    until(
        page,
        "window.dagenTry.masks.after && document.querySelector('.try-said').textContent === ''",
    )
    for which, file in networks.items():
        expected = dagen.predict(file, image).mask
        found = masks(page, which)
        assert found.shape == expected.shape and len(np.unique(expected)) > 1
        # OpenCV resizes pixels in fixed point, so a rare pixel at a border may differ.
        assert (found == expected).mean() > 0.995
    assert all(each.startswith((address, "data:", "blob:")) for each in page.requests)
    told = page.inner_text(".try-after figcaption")
    assert " ms, " in told and "float16" in told and "aluminium" in told


@pytest.mark.parametrize("kind", ["float32", "uint8"])
@pytest.mark.parametrize("shape", FIXED)
def test_a_network_of_one_size_gets_windows(
    address: str, open_page: OpenPage, tmp_path: Path, shape: tuple[int, int], kind: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        bring(patch)
        model = deploy(tmp_path, "stiff")
        made = export(model, tmp_path / "stiff.onnx", kind=kind)
    assert not made.facts.dynamic
    image = photograph(*shape, seed=3)
    Image.fromarray(image).save(tmp_path / "photo.png")
    page = open_page(f"{address}/empty.html")
    until(page, "window.dagenTry && window.dagenTry.ready")
    page.evaluate("document.querySelector('details').open = true")
    page.set_input_files(".try-net-after", made.file)
    until(page, f"{SAID}.includes('Choose a photograph')")
    page.set_input_files(".try-photo", tmp_path / "photo.png")
    until(page, f"window.dagenTry.masks.after && {SAID} === ''")
    expected = dagen.predict(made.file, image).mask
    found = masks(page, "after")
    assert found.shape == expected.shape and len(np.unique(expected)) > 1
    assert (found == expected).mean() > 0.995


@pytest.mark.parametrize("width", [400, 1280])
def test_side_by_side_or_one_below_the_other(
    address: str, open_page: OpenPage, tmp_path: Path, width: int
) -> None:
    Image.fromarray(photograph(60, 80)).save(tmp_path / "photo.png")
    page = open_page(f"{address}/index.html", width=width)
    until(page, "window.dagenTry && window.dagenTry.ready")
    page.set_input_files(".try-photo", tmp_path / "photo.png")
    until(page, "window.dagenTry.masks.after")
    before, after = (page.locator(f".try-{each}").bounding_box() for each in ("before", "after"))
    assert (before["y"] == after["y"]) == (width == 1280)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_a_network_it_takes_one(
    address: str, networks: dict[str, Path], open_page: OpenPage, tmp_path: Path
) -> None:
    Image.fromarray(photograph(60, 80)).save(tmp_path / "photo.png")
    page = open_page(f"{address}/empty.html")
    until(page, "window.dagenTry && window.dagenTry.ready")
    assert "Choose an exported network first" in page.inner_text(".try-said")
    page.set_input_files(".try-photo", tmp_path / "photo.png")
    wrong = tmp_path / "wrong.onnx"
    whole = networks["after"].read_bytes()
    page.evaluate("document.querySelector('details').open = true")
    for content, told in (
        (b"no network", "wrong.onnx:"), (whole[: len(whole) // 2], "the file is cut off"),
    ):  # fmt: skip
        wrong.write_bytes(content)
        page.set_input_files(".try-net-after", wrong)
        until(
            page, "(told) => document.querySelector('.try-said').textContent.includes(told)", told
        )
    page.set_input_files(".try-net-after", networks["after"])
    until(page, "window.dagenTry.masks.after")
    assert page.locator(".try-after").is_visible() and not page.locator(".try-before").is_visible()
