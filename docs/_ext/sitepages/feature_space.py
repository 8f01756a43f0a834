"""The part of the page on the feature space that is made from committed files."""

from __future__ import annotations

from pathlib import Path

from sitepages.writing import Site

_NONE = """\
*Not measured yet: no table of distances is committed.* `dagen visualize` prints one for your own
networks.
"""


def write(site: Site, folder: Path) -> None:
    """Copy the committed tables of distances, which the page includes."""
    tables = sorted(folder.glob("*distances*.md"))
    text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in tables)
    site.write("generated/distances.md", (text or _NONE).strip() + "\n")
