"""Draw docs/pictures/imports.svg: which room of dagen imports which, from the code itself.

Run ``python scripts/draw_imports.py`` from a checkout. It prints the counts that
docs/architecture.md explains. ``--package PATH --out FILE`` draws another checkout's package.
"""

import argparse
import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "pictures" / "imports.svg"

Arrow = tuple[str, str]
"""From the box that imports to the box that is imported."""


@dataclass(frozen=True)
class Graph:
    """The boxes of a package and the arrows between them.

    Attributes:
        boxes: the modules and folders directly below the package.
        arrows: for each pair, how many imports it stands for: a file that imports a module is one.
        order: the line of each box that the architecture page places, 0 for the lowest line.
        folders: the boxes that are folders.
        plugins: the folders of plug-ins, which are those with a ``base.py``.
    """

    boxes: tuple[str, ...]
    arrows: Counter[Arrow]
    order: dict[str, int]
    folders: frozenset[str]
    plugins: frozenset[str]

    @cached_property
    def reach(self) -> dict[str, set[str]]:
        """The boxes that can be reached from each box along arrows."""
        reached = {box: {to for start, to in self.arrows if start == box} for box in self.boxes}
        for middle in self.boxes:
            for box in self.boxes:
                if middle in reached[box]:
                    reached[box] |= reached[middle]
        return reached

    @cached_property
    def circles(self) -> set[frozenset[str]]:
        """Groups of boxes that all reach each other."""
        reach = self.reach
        return {
            frozenset(other for other in reach[box] if box in reach[other])
            for box in self.boxes
            if box in reach[box]
        }

    @cached_property
    def floors(self) -> dict[str, int]:
        """The longest chain of arrows below each box, counted from 1; a circle is one link."""
        circle = {box: group for group in self.circles for box in group}
        floor: dict[str, int] = {}
        lowest_first = sorted(
            self.boxes, key=lambda box: (len(self.reach[box]), box not in self.reach[box])
        )
        for box in lowest_first:
            below = self.reach[box] - circle.get(box, frozenset())
            floor[box] = 1 + max((floor[other] for other in below), default=0)
        return floor

    @property
    def upward(self) -> list[Arrow]:
        """Arrows to a box that the architecture page places on a higher line."""
        place = self.order
        known = [(a, b) for a, b in self.arrows if a in place and b in place]
        return sorted((a, b) for a, b in known if place[b] > place[a])

    def counts(self) -> str:
        """The line that sums the graph up."""
        floors, circles = max(self.floors.values()), len(self.circles)
        return (
            f"{len(self.boxes)} boxes, {floors} floors, {len(self.arrows)} arrows, "
            f"{len(self.upward)} upward, {circles} circle{'' if circles == 1 else 's'}"
        )


def read(package: Path) -> Graph:
    """Read a package's imports; those inside functions and under TYPE_CHECKING count as well."""
    names = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        names[".".join(parts).removesuffix(".__init__")] = path
    pairs = {(name, found) for name, path in names.items() for found in _imports(path, names)}
    arrows = Counter((_box(a), _box(b)) for a, b in pairs if _box(a) != _box(b))
    boxes = tuple(sorted({_box(name) for name in names}))
    page = (package.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = frozenset(box for box in boxes if (package / box).is_dir())
    plugins = frozenset(box for box in folders if (package / box / "base.py").is_file())
    return Graph(boxes, arrows, declared(page, boxes), folders, plugins)


def _box(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _imports(path: Path, names: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise SystemExit(f"{path}:{node.lineno}: a relative import; write its whole name.")
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in names else node.module


def declared(page: str, boxes: tuple[str, ...]) -> dict[str, int]:
    """The line on which an architecture page places each box, 0 for the lowest.

    The page holds either a block of names, the lowest line first, or (before version 0.2) a table
    whose first column names them, the highest line first.
    """
    for block in re.findall(r"^```\n(.*?)^```", page, re.DOTALL | re.MULTILINE):
        if set(block.split()) <= set(boxes):
            return {box: n for n, line in enumerate(block.splitlines()) for box in line.split()}
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    named = [re.findall(r"`(\w+)(?:\.py|/)`", row) for row in rows]
    return {box: -n for n, row in enumerate(named) for box in row if box in boxes}


# The picture is a staircase. Each box has a row and a column of its own. An arrow leaves its box to
# the right, turns into the column of the imported box and runs down to it, so it crosses no box.

STEP, ROW, BOX = 27, 29, 23  # pixels: from column to column, from row to row, the height of a box
LETTER, PAD, EDGE, TURN, TIP = 7.8, 8, 12, 9, 7  # of labels, of a box beside its column, of arrows
FLOORS, MARGIN = 40, 14
WIDTHS = {1: 1, 2: 2, 5: 3.5, 17: 5.5}
"""The width of an arrow in pixels, by the least number of imports that it is for."""

STYLE = """
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace }
text, .plugin text { fill: #17211e } .note { fill: #5c6b66; font-size: 11px }
.card { fill: #fdfefe; stroke: #d5dcda } .odd { fill: #00694d; opacity: .055 }
.box rect { fill: #fff; stroke: #00694d; stroke-width: 1.3 } .box.plugin rect { fill: #cdeade }
.arrow { fill: none; stroke: #7f978e } .gap { stroke: #fdfefe } .head { fill: #4a6057 }
.arrow.up { stroke: #c2410c }
@media (prefers-color-scheme: dark) {
text, .plugin text { fill: #e6eeeb } .note { fill: #a3b5ae }
.card { fill: #131a18; stroke: #2c3834 } .odd { fill: #4fd1a5 }
.box rect { fill: #1b2522; stroke: #4fd1a5 } .box.plugin rect { fill: #14513f }
.arrow { stroke: #6f877e } .gap { stroke: #131a18 } .head { fill: #a9beb6 }
.arrow.up { stroke: #ff8a4c }
}
"""


def draw(graph: Graph) -> str:
    """The graph as SVG: the same text on every machine, since no font is measured."""
    floors, order = graph.floors, graph.order
    rows = sorted(graph.boxes, key=lambda box: (-floors[box], -order.get(box, 99), box))
    place = {box: n for n, box in enumerate(rows)}
    labels = {box: f"{box}/" if box in graph.folders else box for box in rows}
    wide = {box: round(len(label) * LETTER + 2 * PAD, 1) for box, label in labels.items()}
    first = FLOORS + max(wide[box] - EDGE - n * STEP for n, box in enumerate(rows))
    x = {box: round(first + n * STEP) for n, box in enumerate(rows)}
    y = {box: MARGIN + n * ROW + ROW // 2 for n, box in enumerate(rows)}
    width, height = x[rows[-1]] + EDGE + MARGIN, 2 * MARGIN + len(rows) * ROW

    ways, turns = [], []
    against = set(graph.upward)
    widths = {pair: thickness(count) for pair, count in graph.arrows.items()}
    for (a, b), stroke in sorted(widths.items(), key=lambda item: (item[1], item[0])):
        way = 1 if place[a] < place[b] else -1  # to the left and up only within a circle
        attributes = (
            f'class="arrow f-{a} t-{b}{" up" if (a, b) in against else ""}" stroke-width="{stroke}"'
        )
        turn, end = x[b] - way * TURN, y[b] - way * (BOX / 2 + TIP - 2)
        ways.append(f'<path {attributes} d="M{x[a] + way * EDGE} {y[a]}H{turn}"/>')
        corner = f"M{turn} {y[a]}Q{x[b]} {y[a]} {x[b]} {y[a] + way * TURN}"
        turns.append(f'<path {attributes} d="{corner}V{end:g}"/>')
    gaps, boxes = [], []
    for box in rows:
        above = [(place[a], stroke) for (a, b), stroke in widths.items() if b == box]
        top = y[box] - BOX / 2
        if above and min(above)[0] < place[box]:
            most = max(stroke for _, stroke in above)
            start = y[rows[min(above)[0]]] + TURN
            gaps.append(
                f'<path class="gap" stroke-width="{most + 3}" d="M{x[box]} {start}V{top:g}"/>'
            )
            boxes.append(
                f'<path class="head" d="M{x[box] - 4.5} {top - TIP:g}h9L{x[box]} {top:g}z"/>'
            )
        left = x[box] + EDGE - wide[box]
        boxes.append(
            f'<g class="box{" plugin" if box in graph.plugins else ""}" id="{box}">'
            f'<rect x="{left:g}" y="{top:g}" width="{wide[box]}" height="{BOX}" rx="5"/>'
            f'<text x="{left + wide[box] / 2:g}" y="{y[box] + 4}" text-anchor="middle">'
            f"{labels[box]}</text></g>"
        )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
            f"<style>{STYLE}{_hover(rows)}</style>",
            f'<rect class="card" x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9"/>',
            *ways,
            *gaps,
            *_bands([floors[box] for box in rows], width),
            *turns,
            *boxes,
            *_legend(graph, height),
            "</svg>\n",
        ]
    )


def thickness(count: int) -> float:
    """The width of an arrow that is for ``count`` imports, in pixels."""
    return next(width for least, width in reversed(WIDTHS.items()) if count >= least)


def _bands(floors: list[int], width: int) -> Iterator[str]:
    for floor in sorted(set(floors)):
        top = MARGIN + floors.index(floor) * ROW
        tall = floors.count(floor) * ROW
        if floor % 2:
            yield f'<rect class="odd" x="1" y="{top}" width="{width - 2}" height="{tall}"/>'
        yield f'<text class="note" x="14" y="{top + tall / 2 + 4:g}">{floor}</text>'


def _legend(graph: Graph, height: int) -> Iterator[str]:
    """In the lower left, which arrows leave free."""
    left = FLOORS + 8
    against = "Orange: against the declared order. " if graph.upward else ""
    lines = (
        "An arrow runs from a box to what it imports.",
        "The number on the left is the floor: the longest chain of imports below.",
        f"{against}Filled: folders of plug-ins. Widths, in imports:",
    )
    yield f'<text x="{left}" y="{height - 98}">{graph.counts()}</text>'
    for n, text in enumerate(lines):
        yield f'<text class="note" x="{left}" y="{height - 77 + 19 * n}">{text}</text>'
    for n, (least, width) in enumerate(WIDTHS.items()):
        start, middle = left + 120 * n, height - 19
        text = f"{least} or more" if n else "1"
        yield f'<path class="arrow" stroke-width="{width}" d="M{start} {middle}h26"/>'
        yield f'<text class="note" x="{start + 33}" y="{middle + 4}">{text}</text>'


def _hover(boxes: list[str]) -> str:
    """Opened by itself, the picture shows the arrows of one box while the mouse is on it."""
    return "".join(
        f"svg:has(#{box}:hover) .arrow:not(.f-{box}, .t-{box}) {{ opacity: .12 }}\n"
        for box in boxes
    )


def main() -> None:
    """Print the counts and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, default=ROOT / "dagen")
    parser.add_argument("--out", type=Path, default=PICTURE)
    given = parser.parse_args()
    graph = read(given.package.resolve())
    print(graph.counts())
    given.out.write_text(draw(graph), encoding="utf-8")


if __name__ == "__main__":
    main()
