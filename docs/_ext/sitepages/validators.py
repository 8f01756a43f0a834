"""The page of the validators: how a checkpoint is chosen without target labels."""

from __future__ import annotations

from collections.abc import Iterator

from dagen import plugins
from sitepages import docstrings
from sitepages.writing import Site, fields, page, title


def write(site: Site) -> None:
    """Write the page."""
    site.write(
        "generated/validators.rst",
        page(
            ".. _validators:",
            title("Validators"),
            ".. rst-class:: lead\n\nA validator judges the checkpoints of a run "
            "without target labels. ``--select NAME`` deploys its pick.",
            "When to use which, and what it costs: :doc:`/choosing`.",
            *_entries(),
        ),
    )


def _entries() -> Iterator[str]:
    for name in plugins.names("validators"):
        found = plugins.get("validators", name)
        told = docstrings.told(found.__module__, name)
        looks = ", ".join(sorted(found.domains)) or "the predictions of all checkpoints"
        yield f".. _validator-{name}:"
        yield title(name, "-")
        yield f".. py:module:: {found.__module__}"
        yield f"*{told.title}.* {told.summary}"
        yield fields([("Uses", looks), ("Paper", found.paper)])
        yield told.body
