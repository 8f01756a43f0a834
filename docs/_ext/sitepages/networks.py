"""A page for each network, and the page that leads to them."""

from __future__ import annotations

import tomllib
from typing import Any

from dagen import plugins
from dagen.models.deployed.cost import Profile, profile
from dagen.models.layers.pretrained import Pretrained
from sitepages import docstrings
from sitepages.results import SCORE, Line, Results, lines
from sitepages.tables import of_lines
from sitepages.writing import Site, fields, page, raw, rows, title, toctree

_FOLDER = "networks"
_SIZE = (224, 448)
_CAP = 10_000_000  # bytes


def write(site: Site, results: list[Results]) -> None:
    """Write every network's page and the index."""
    advice = tomllib.loads((site.root / "when.toml").read_text(encoding="utf-8"))["network"]
    every = list(lines(results))
    names = plugins.names("models")
    weights = {
        name: profile(plugins.get("models", name)(5).eval(), _SIZE, latency=False) for name in names
    }
    for name in names:
        site.write(f"{_FOLDER}/{name}.rst", _page(name, weights[name], advice, every))
    site.write(f"{_FOLDER}/index.rst", _index(weights))


def _page(name: str, weight: Profile, advice: dict[str, Any], every: list[Line]) -> str:
    network = plugins.get("models", name)
    told = docstrings.told(network.__module__, name)
    options = docstrings.arguments(network.__module__, network.__name__)
    mine = [line for line in every if line.first.model == name]
    caption = f"Runs of {name}; {SCORE}"
    shown = of_lines(f"results-{name}", caption, mine, root="../", without=("network",))
    return page(
        f".. _network-{name}:",
        title(told.title),
        f".. rst-class:: lead\n\n{told.summary}",
        fields(
            [
                ("Name", f"``--model {name}``"),
                ("Parameters", f"{weight.parameters:,}"),
                ("Deployed file", f"{weight.bytes:,} bytes, {_fits(weight)}"),
                ("MACs", f"{weight.macs / 1e9:.3f} G for {_SIZE[0]}x{_SIZE[1]}, five classes"),
                ("Stride", _stride(network.stride)),
                *([] if network.start is None else [("Pretrained encoder", _start(network.start))]),
            ]
        ),
        title("When to use it", "-"),
        advice.get(name, "Measure it on your data."),
        title("How it is built", "-"),
        f".. py:module:: {network.__module__}",
        told.body,
        title("Options", "-"),
        rows(
            ("option", "default", "what it is"),
            [
                (f"``{p.name}``", f"``{network.default_options.get(p.name, p.default)}``", p.text)
                for p in options
            ],
            "20 20 60",
        )
        + "\nThe defaults are those of a run. ``width`` is ``--set width=0.5``; any other is "
        + "``--set model_options.NAME=VALUE``.",
        title("Results", "-"),
        raw(shown) if mine else "Not measured yet: no committed result has a run of this network.",
        title("In Python", "-"),
        f".. autoclass:: {network.__module__}.{network.__name__}\n   :show-inheritance:",
    )


def _start(start: Pretrained) -> str:
    return (
        f"{start.name}, trained on {start.data}; ``{start.file}``, {start.bytes:,} bytes, licence "
        f"{start.licence}, "
        + (f"``pip install 'dagen[{start.extra}]'``" if start.extra else start.url)
    )


def _stride(stride: int) -> str:
    return "1: a logit for each pixel" if stride == 1 else f"{stride} pixels for each logit"


def _fits(weight: Profile) -> str:
    return "within 10 MB" if weight.bytes <= _CAP else "**over** 10 MB at width 1"


def _index(weights: dict[str, Profile]) -> str:
    entries = [
        (
            f":doc:`{name}`",
            docstrings.told(plugins.get("models", name).__module__, name).summary,
            f"{weight.parameters / 1e6:.2f} M",
            f"{weight.bytes / 1e6:.2f}",
            f"{weight.macs / 1e9:.2f}",
        )
        for name, weight in weights.items()
    ]
    return page(
        ".. _networks:",
        title("Networks"),
        ".. rst-class:: lead\n\nTiny by intent: what is deployed should have at most "
        "10,000,000 bytes. ``dagen profile NAME --enforce-cap`` refuses what is larger and names "
        "the widths that fit.",
        rows(("network", "what it is", "parameters", "MB", "GMAC"), entries, "20 44 12 12 12"),
        f"Bytes are those of the deployed file, MACs those of one image of "
        f"{_SIZE[0]}x{_SIZE[1]} (H x W) with five classes; both were measured when this page was "
        "built. MB are 1,000,000 bytes.",
        toctree(weights),
    )
