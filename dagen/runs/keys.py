"""Every setting of a run with its kind, default and meaning, read from :class:`Config` itself."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING, dataclass, fields
from typing import Any

from dagen.runs.config import Config

EXAMPLE = """\
# dagen adapt --config run.toml; flags and --set take precedence over this file.
src = "resortit"
tgt = "taco"
method = ["mean-teacher", "advent"]
model = "enet"
task = "binary"
size = [224, 448]           # or "224x448"
steps = 1500
seed = 0

[model_options]             # the network's own keywords, see `dagen list models`
dropout = 0.05

[advent]                    # the parameters of a strategy, see `dagen list methods`
weight = 0.01
"""
"""A file for ``--config``."""


@dataclass(frozen=True)
class Key:
    """A setting.

    Attributes:
        name: name in a file, in ``--set`` and in Python.
        kind: the values that it takes, as annotated.
        default: its default as TOML or Python writes it.
        text: its meaning, reStructuredText.
    """

    name: str
    kind: str
    default: str
    text: str


def of_runs() -> list[Key]:
    """The settings of a run, in the order of :class:`Config`."""
    texts = attributes(inspect.getdoc(Config) or "")
    return [
        Key(f.name, _kind(str(f.type)), default(f), texts.get(f.name, ""))
        for f in fields(Config)
        if f.name != "recipe"
    ]


def default(field: Any) -> str:
    """A dataclass field's default as Python code."""
    if field.default is not MISSING:
        return repr(field.default)
    return repr(field.default_factory()) if field.default_factory is not MISSING else "required"


def attributes(docstring: str, section: str = "Attributes:") -> dict[str, str]:
    """The entries of a section of a Google-style docstring, by name."""
    _, _, text = docstring.partition(section)
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines()[1:]:
        if line.strip() and not line.startswith("    "):
            break
        entry = re.match(r"    (\w+)(?: \([^)]*\))?: (.*)", line)
        if entry:
            name = entry[1]
            found[name] = entry[2]
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found


def _kind(annotation: str) -> str:
    """An annotation in words of a user: ranges and checks are left out."""
    annotated = re.sub(
        r"Annotated\[([^\[\],]+(?:\[[^\]]*\])?(?: \| [^,]+)?), .*\]$", r"\1", annotation
    )
    words = {
        "_Side": "int", "_Steps": "int", "_Rate": "float", "_Images": "int | 'all'",
        "_Temperature": "float | 'off'", "NotNegative": "float", "Positive": "float",
        "Fraction": "float", "Augment": "str | list",
    }  # fmt: skip
    for name, word in words.items():
        annotated = re.sub(rf"\b{name}\b", word, annotated)
    return " ".join(annotated.split())
