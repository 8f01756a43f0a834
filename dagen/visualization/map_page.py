"""The feature map as a page in one file that works without a network, a server or a mouse.

The page's markup, style and scripts are files beside this one (``map_page.html`` and so on), and
are put together here. Its content policy forbids loading anything from elsewhere.
"""

from __future__ import annotations

import base64
import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dagen.system.files import write_atomically
from dagen.types import IGNORE
from dagen.visualization import captions, distance_table, style
from dagen.visualization.distances import FIGURES
from dagen.visualization.embedding import Floats
from dagen.visualization.survey import DOMAINS, Survey

_HERE = Path(__file__).parent
_SCRIPTS = ("map_points.js", "map_canvas.js", "map_page.js")
_MARGIN = 0.04  # share of the map's side, around all points
_ASPECT = 1.0, 1.7  # width over height of a map, for screens and phones
_MAIN = ("a_distance", "knn_transfer")
_SHAPES = (
    '<circle cx="8" cy="8" r="5.5" fill="currentColor"/>',
    '<path d="M8 2.5 14 13H2Z" fill="none" stroke="currentColor" stroke-width="2"/>',
)


def write(survey: Survey, places: Floats, numbers: list[dict[str, float]], path: Path) -> Path:
    """Write the page.

    Args:
        survey: points and pictures.
        places: (K, P, 2), see :func:`dagen.visualization.embedding.joint_map`.
        numbers: each network's numbers from :func:`dagen.visualization.distances.measure`.
        path: the HTML file; its folder exists.

    Returns:
        ``path``.
    """
    source, target = (side.name for side in survey.sides)
    page = Template(_read("map_page.html")).substitute(
        title=escape(f"{source} and {target} in feature space"),
        style=_read("map_page.css"),
        classes="".join(map(_class_box, survey.classes, style.class_colours(survey.task))),
        domains="".join(_domain_box(k, side.name) for k, side in enumerate(survey.sides)),
        right=_ANSWER.format("right"),
        wrong=_ANSWER.format("wrong"),
        changed=_CHANGED if len(survey.checkpoints) > 1 else "",
        maps="".join(_map(c.title, each) for c, each in zip(
            survey.checkpoints, numbers, strict=True)),
        numbers=_number_table([c.title for c in survey.checkpoints], numbers),
        counts=_count_table(survey),
        caption=escape(captions.of_map(survey)),
        data=_embedded(_data(survey, places)),
        script="\n".join(map(_read, _SCRIPTS)).replace('"use strict";\n', ""),
    )  # fmt: skip
    write_atomically(path, page.encode())
    return path


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _embedded(values: dict[str, Any]) -> str:
    """JSON with escapes, so that no file name can close its script element."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def _data(survey: Survey, places: Floats) -> dict[str, Any]:
    points = survey.points
    parts, aspect = _fitted(places)
    return {
        "aspect": round(aspect, 4),
        "classes": survey.classes,
        "colours": style.class_colours(survey.task),
        "noLabel": style.NO_LABEL,
        "domains": [
            {"name": side.name, "role": role}
            for side, role in zip(survey.sides, DOMAINS, strict=True)
        ],
        "networks": [c.title for c in survey.checkpoints],
        "pictures": [
            {
                "name": picture.name,
                "scene": picture.scene,
                "photo": _text(picture.photo),
                "truth": _text(picture.truth),
                "answers": [_text(answer) for answer in picture.predictions],
            }
            for picture in survey.pictures
        ],
        "points": {
            "count": len(points),
            "domain": _text(points.domain.tobytes()),
            "label": _text(points.label.tobytes()),
            "picture": _words(points.picture),
            "x": _words(points.x * 65535),
            "y": _words(points.y * 65535),
            "places": [_words(each) for each in parts * 65535],
            "answers": [_text(each.tobytes()) for each in survey.predictions],
            "confidence": [
                _text(np.rint(each * 255).astype(np.uint8).tobytes()) for each in survey.confidence
            ],
        },
    }


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _words(values: NDArray[Any]) -> str:
    return _text(np.rint(values).astype("<u2").tobytes())


def _fitted(places: Floats) -> tuple[Floats, float]:
    """The maps in fractions of a frame's width and height (y downwards), and the frame's aspect."""
    low, high = places.min((0, 1)), places.max((0, 1))
    width, height = (high - low).clip(1e-6) * (1 + 2 * _MARGIN)
    frame = max(width, height * _ASPECT[0]), max(height, width / _ASPECT[1])
    parts = 0.5 + (places - (low + high) / 2) / frame * [1, -1]
    return parts.clip(0, 1).astype(np.float32), float(frame[0] / frame[1])


_ANSWER = (
    '<svg class="mark answer {}" viewBox="0 0 16 16" aria-hidden="true">'
    '<circle cx="8" cy="8" r="6" fill="currentColor"/></svg>'
)
_CHANGED = (
    '<label><input type="checkbox" name="changed"> only where the networks’ answers differ</label>'
)


def _class_box(name: str, colour: str) -> str:
    swatch = f'<rect x="1" y="1" width="14" height="14" rx="3" fill="{colour}"/>'
    return _box("class", name, f'<svg class="mark class" viewBox="0 0 16 16" aria-hidden="true">'
                f"{swatch}</svg>{escape(name)}")  # fmt: skip


def _domain_box(domain: int, name: str) -> str:
    mark = f'<svg class="mark {DOMAINS[domain]}" viewBox="0 0 16 16" aria-hidden="true">'
    return _box("domain", DOMAINS[domain], f"{mark}{_SHAPES[domain]}</svg>{escape(name)} "
                f"({DOMAINS[domain]})")  # fmt: skip


def _box(group: str, value: str, content: str) -> str:
    box = f'<input type="checkbox" name="{group}" value="{escape(value)}" checked>'
    return f"<label>{box}{content}</label>"


def _map(title: str, numbers: dict[str, float]) -> str:
    told = " · ".join(
        f"{FIGURES[name].title} {distance_table.told(name, numbers[name])}"
        for name in _MAIN
        if name in numbers
    )
    return (
        f"<figure><figcaption>{escape(title)}<small>{told}</small></figcaption>"
        f'<canvas class="map" tabindex="0" role="application" aria-label="Feature map of '
        f"{escape(title)}. Arrow keys move from point to point, plus and minus zoom, Escape "
        f'leaves the point."></canvas></figure>'
    )


def _number_table(titles: list[str], numbers: list[dict[str, float]]) -> str:
    changed = ["change"] if len(titles) > 1 else []
    head = "".join(f'<th scope="col">{escape(t)}</th>' for t in ["figure", *titles, *changed])
    lines = []
    for row in distance_table.rows(numbers):
        cells = [*row.cells, *([row.change] if changed else [])]
        says = f"{row.better} is better; {row.says}" if row.says else ""
        lines.append(
            f"<tr{'' if row.says else ' class=part'}>"
            f'<th scope="row">{escape(row.title)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + f'<td class="says">{escape(says)}</td></tr>'
        )
    head += '<th scope="col"><span hidden>how to read it</span></th>'
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def _count_table(survey: Survey) -> str:
    titles = ["class"]
    titles += [f"{s.name} ({role})" for s, role in zip(survey.sides, DOMAINS, strict=True)]
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in titles)
    lines = []
    names = [*enumerate(survey.classes)]
    if (survey.points.label == IGNORE).any():
        names.append((IGNORE, "no label"))
    for label, name in names:
        here = survey.points.domain[survey.points.label == label]
        cells = "".join(f"<td>{int((here == domain).sum()):,}</td>" for domain in (0, 1))
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
