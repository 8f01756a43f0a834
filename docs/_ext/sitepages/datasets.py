"""A page for each data set, and the page that leads to them."""

from __future__ import annotations

import tomllib
from typing import Any

from dagen import plugins
from dagen.datasets.loading.opening import how_to_get
from sitepages import docstrings
from sitepages.pictures import Drawn, draw
from sitepages.results import SCORE, Line, Results, lines
from sitepages.tables import of_lines
from sitepages.writing import Site, fields, page, plain, raw, rows, title, toctree

_FOLDER = "data-sets"


def write(site: Site, results: list[Results]) -> None:
    """Write every data set's page and the index."""
    advice = tomllib.loads((site.root / "when.toml").read_text(encoding="utf-8"))["dataset"]
    every = list(lines(results))
    names = plugins.names("datasets")
    for name in names:
        drawn = draw(name)
        if drawn is not None:
            site.write(f"generated/pictures/{name}.png", drawn.png)
        site.write(f"{_FOLDER}/{name}.rst", _page(name, drawn, advice, every))
    site.write(f"{_FOLDER}/index.rst", _index(names))


def _page(name: str, drawn: Drawn | None, advice: dict[str, Any], every: list[Line]) -> str:
    found = plugins.get("datasets", name)
    told = docstrings.told(found.__module__, name)
    mine = [line for line in every if line.first.domain == name]
    caption = f"Rows scored on {name}; {SCORE}"
    return page(
        f".. _dataset-{name}:",
        title(name),
        f".. rst-class:: lead\n\n{_first(told)}",
        fields(
            [
                ("Use it as", f"``--src {name}`` or ``--tgt {name}``"),
                ("Splits", ", ".join(found.splits)),
                ("Tasks", ", ".join([*map(str, found.tasks), "classes"])),
                ("Where", f"``$DAGEN_DATA/{name}``" if found.on_disk else "made by code"),
                ("How to get it", plain(how_to_get(name))),
            ]
        ),
        _picture(name, drawn) if drawn else "",
        title("When to use it", "-"),
        advice.get(name, "Where its classes are yours."),
        title("How it is read", "-"),
        f".. py:module:: {found.__module__}",
        told.body,
        title("Results", "-"),
        raw(of_lines(f"results-{name}", caption, mine, root="../", without=("data",)))
        if mine
        else "Not measured yet: no committed result is scored on this data set.",
        title("In Python", "-"),
        f".. autoclass:: {found.__module__}.{found.__name__}\n   :members:\n   :show-inheritance:",
    )


def _first(told: docstrings.Told) -> str:
    return f"{told.title}: {told.summary}" if told.summary else told.title


def _picture(name: str, drawn: Drawn) -> str:
    return f".. figure:: /generated/pictures/{name}.png\n   :alt: {drawn.alt}\n\n   {drawn.caption}"


def _index(names: list[str]) -> str:
    entries = []
    for name in names:
        found = plugins.get("datasets", name)
        told = docstrings.told(found.__module__, name)
        entries.append((f":doc:`{name}`", told.summary or told.title, ", ".join(found.splits)))
    return page(
        ".. _data-sets:",
        title("Data sets"),
        ".. rst-class:: lead\n\nThe two waste data sets, a procedural twin of each, two layouts "
        "for your own pictures, and public data sets of the field. For any other layout and other "
        "classes, write a :doc:`dagen.toml </tutorials/your-data>`.",
        rows(("data set", "what it is", "splits"), entries, "22 56 22"),
        "Three tasks read the same labels. ``binary`` is background and waste. ``material`` is "
        "background, aluminium, paper, bottle and nylon. ``classes`` is the source's own classes; "
        "those of the target meet them by name. What belongs to none of them is ignored (255), "
        "never background.",
        toctree(names),
    )
