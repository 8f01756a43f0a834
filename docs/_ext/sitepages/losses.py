"""The page of the losses of labelled images."""

from __future__ import annotations

from collections.abc import Iterator

from dagen import plugins
from sitepages import docstrings
from sitepages.writing import Site, fields, page, rows, title


def write(site: Site) -> None:
    """Write the page."""
    site.write(
        "generated/losses.rst",
        page(
            ".. _losses:",
            title("Losses"),
            ".. rst-class:: lead\n\nThe loss of labelled images: ``--loss NAME``, "
            "with parameters as in ``--loss focal --set loss.gamma=3``.",
            "A sum is written with ``+``; its parameters then have the name of their loss, and "
            "each loss a ``factor``: ``--loss focal+dice --set loss.focal.gamma=3 --set "
            "loss.dice.factor=0.5``. In a file:",
            '.. code-block:: toml\n\n   [loss]\n   name = "focal+dice"\n   focal.gamma = 3\n'
            "   dice.factor = 0.5",
            "Logits are brought to the labels' size first. Auxiliary heads have the same loss. A "
            "batch without a labelled pixel has loss 0.",
            *_entries(),
        ),
    )


def _entries() -> Iterator[str]:
    for name in plugins.names("losses"):
        found = plugins.get("losses", name)
        told = docstrings.told(found.__module__, name)
        yield f".. _loss-{name}:"
        yield title(name, "-")
        yield f".. py:module:: {found.__module__}"
        yield f"*{told.title}.* {told.summary}"
        yield fields([("Paper", found.paper)])
        yield told.body
        own = docstrings.parameters(found.Config)
        if own:
            yield rows(
                ("parameter", "default", "meaning"),
                ((f"``{p.name}``", f"``{p.default}``", p.text) for p in own),
            )
