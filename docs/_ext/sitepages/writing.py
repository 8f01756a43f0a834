"""Pages as reStructuredText, written only where they changed, so that builds stay quick."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDERS = ("strategies", "networks", "data-sets", "benchmarks", "generated")
"""Folders of ``docs`` that hold generated files alone."""


class Site:
    """The folder of the sources, and what was written there in this build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._written: set[Path] = set()

    def write(self, name: str, content: str | bytes) -> None:
        """Write ``name``, a path below the sources."""
        path = self.root / name
        data = content.encode() if isinstance(content, str) else content
        self._written.add(path)
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def remove_stale(self) -> None:
        """Remove what earlier builds wrote and this one did not."""
        for folder in FOLDERS:
            for path in (self.root / folder).rglob("*"):
                if path.is_file() and path not in self._written:
                    path.unlink()


def title(text: str, line: str = "=") -> str:
    """A heading."""
    return f"{text}\n{line * len(text)}\n"


def raw(html: str) -> str:
    """HTML in a page."""
    return ".. raw:: html\n\n" + indent(html) + "\n"


def indent(text: str, by: int = 3) -> str:
    """Every line that is not empty moved to the right."""
    return "\n".join(" " * by + line if line else "" for line in text.splitlines())


def plain(text: str) -> str:
    """Words that were not written for a page: literals stay literals, no sign is markup."""
    parts = re.split(r"`+([^`]+)`+", text)
    return "".join(
        f"``{part}``" if i % 2 else re.sub(r"([*|\\_])", r"\\\1", part)
        for i, part in enumerate(parts)
    )


def fields(pairs: Iterable[tuple[str, str]]) -> str:
    """A field list: the facts at the head of a page."""
    shown = "\n".join(f":{name}: {value}" for name, value in pairs if value)
    return f".. rst-class:: facts\n\n{shown}\n"


def rows(heads: Sequence[str], entries: Iterable[Sequence[str]], widths: str = "auto") -> str:
    """A table; entries are reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in (heads, *entries):
        for place, entry in enumerate(row):
            first, *others = (entry or "–").splitlines()
            lines.append(f"   {'*' if place == 0 else ' '} - {first}")
            lines += [f"       {line}" if line else "" for line in others]
    return "\n".join(lines) + "\n"


def toctree(names: Iterable[str], *, caption: str = "", hidden: bool = True) -> str:
    """A toctree of documents."""
    options = [
        "   :maxdepth: 1",
        *(["   :hidden:"] if hidden else []),
        *([f"   :caption: {caption}"] if caption else []),
    ]
    return "\n".join([".. toctree::", *options, "", *(f"   {name}" for name in names)]) + "\n"


def page(*parts: str) -> str:
    """Parts of a page with a blank line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
