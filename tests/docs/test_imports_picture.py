"""The picture of the imports on the architecture page is that of the code."""

from collections import Counter
from pathlib import Path

from scripts import draw_imports
from scripts.draw_imports import Graph
from tests import test_imports

ROOT = Path(__file__).parents[2]


def test_the_picture_is_that_of_the_code() -> None:
    drawn = draw_imports.draw(draw_imports.read(ROOT / "dagen"))
    committed = draw_imports.PICTURE.read_text(encoding="utf-8")
    assert drawn == committed, "draw it anew: python scripts/draw_imports.py"


def test_the_page_gives_the_counts_of_the_code() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert draw_imports.read(ROOT / "dagen").counts() in page


def test_the_page_describes_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("| room | what it is |")[1].split("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    described = {name.strip("`/ ") for cell in cells for name in cell.split(",")}
    assert described == set(test_imports.FLOOR)


def test_the_arrows_are_those_that_the_test_of_imports_finds() -> None:
    def box(name: str) -> str:
        return test_imports.room(name) if "." in name else "__init__"

    pairs = {(name, to) for name in test_imports.MODULES for to, _ in test_imports.imports(name)}
    arrows = Counter((box(a), box(b)) for a, b in pairs if box(a) != box(b))
    assert draw_imports.read(ROOT / "dagen").arrows == arrows


def package(root: Path, page: str) -> Graph:
    """Three floors: ``top`` above the circle of ``left`` and ``right``, and that above ``low``."""
    files = {
        "__init__.py": "",
        "top.py": "def lazily():\n    from made.left.base import x\n    import made.low\n",
        "left/__init__.py": "",
        "left/base.py": "from made.right import y\nfrom made.left import other",
        "left/other.py": "from made.low import z, w",
        "right.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import made.left\nimport os"
        ),
        "low.py": "",
    }
    for name, text in files.items():
        path = root / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "docs").mkdir()
    (root / "docs" / "architecture.md").write_text(page)
    return draw_imports.read(root / "made")


def test_counts_of_a_small_package(tmp_path: Path) -> None:
    graph = package(tmp_path, "Words.\n\n```\nother\n```\n\n```\nlow right\nleft\ntop\n```\n")
    assert graph.arrows == {
        ("top", "left"): 1, ("top", "low"): 1, ("left", "right"): 1, ("left", "low"): 1,
        ("right", "left"): 1,
    }  # fmt: skip
    assert graph.floors == {"__init__": 1, "low": 1, "left": 2, "right": 2, "top": 3}
    assert graph.circles == {frozenset({"left", "right"})}
    assert graph.upward == [("right", "left")]
    assert graph.counts() == "5 boxes, 3 floors, 5 arrows, 1 upward, 1 circle"
    drawn = draw_imports.draw(graph)
    assert drawn.count('class="arrow f-right t-left up"') == 2  # a way to the column, and along it
    assert 'class="box plugin" id="left"' in drawn


def test_the_order_of_an_older_page(tmp_path: Path) -> None:
    table = ("| room | what |", "|---|---|", "| `top.py`, `low.py` | a |", "| `left/` | b |")
    graph = package(tmp_path, "\n".join((*table, "| `right.py`, `gone.py` | c |", "")))
    assert graph.order == {"top": 0, "low": 0, "left": -1, "right": -2}
    assert graph.upward == [("left", "low"), ("right", "left")]
