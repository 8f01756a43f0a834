"""Parses module docstrings and parameter dataclasses for the pages."""

from __future__ import annotations

import ast
import html
import importlib
import inspect
import re
from dataclasses import dataclass, fields
from typing import Any

from dagen.runs.keys import attributes, default

_LITERAL = re.compile(r"``([^`]+)``", re.DOTALL)
_OPERATOR = re.compile(r"\s[=<>]+\s|\blog\b|\^|\bsum\b|\s/\s|\bargmax\b|\bKL\(")
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "eta": "η", "lambda": "λ", "theta": "θ", "sigma": "σ",
}  # fmt: skip


@dataclass(frozen=True)
class Told:
    """A plug-in's module docstring.

    Attributes:
        title: text before the colon of the first line, or the name.
        summary: the rest of the first line.
        body: all other lines, reStructuredText.
    """

    title: str
    summary: str
    body: str

    def without(self, paper: str) -> str:
        """The summary without the paper at its end, for places that show the paper beside it."""
        return self.summary.removesuffix(f" ({paper}).")


def told(module: str, name: str) -> Told:
    """The docstring of ``module``, whose plug-in is called ``name``."""
    text = inspect.getdoc(importlib.import_module(module)) or name
    first, _, body = text.partition("\n")
    head, colon, rest = first.partition(": ")
    if not colon or len(head) > 40:
        head, rest = name, first
    return Told(head, rest[:1].upper() + rest[1:], body.strip("\n"))


@dataclass(frozen=True)
class Parameter:
    """One field of a parameter dataclass."""

    name: str
    kind: str
    default: str
    text: str


def parameters(config: type[Any]) -> list[Parameter]:
    """The fields of a ``Config`` with what its docstring says of them."""
    texts = attributes(inspect.getdoc(config) or "")
    return [
        Parameter(field.name, _kind(config, field.name), default(field), texts.get(field.name, ""))
        for field in fields(config)
    ]


def _kind(config: type[Any], name: str) -> str:
    """The annotation as it is written."""
    for base in config.__mro__:
        annotation = vars(base).get("__annotations__", {}).get(name)
        if isinstance(annotation, str):
            return " ".join(annotation.split())
    return ""


def arguments(module: str, class_name: str) -> list[Parameter]:
    """The network's own keywords, from its signature and its docstring."""
    cls = getattr(importlib.import_module(module), class_name)
    texts = attributes(inspect.getdoc(cls) or "", "Args:")
    signature = inspect.signature(cls)
    return [
        Parameter(name, str(p.annotation), repr(p.default), texts.get(name, ""))
        for name, p in signature.parameters.items()
        if p.default is not inspect.Parameter.empty
    ]


def formulas(body: str) -> list[str]:
    """The literals of a docstring that are formulas, in their order."""
    literals = (" ".join(text.split()) for text in _LITERAL.findall(body))
    return list(dict.fromkeys(t for t in literals if " " in t and _OPERATOR.search(t)))


def typeset(formula: str) -> str:
    """A formula as HTML: indices below, exponents above, Greek letters."""
    text = html.escape(formula, quote=False)
    power = r"\^(\([^()]*\)|-?[A-Za-z0-9.]+)"
    text = re.sub(power, lambda m: f"<sup>{m[1].strip('()')}</sup>", text)
    text = re.sub(r"(?<=[A-Za-z|)])_(\w+)", lambda m: f"<sub>{m[1].replace('_', ' ')}</sub>", text)
    text = re.sub(r"\b(" + "|".join(_GREEK) + r")\b", lambda m: _GREEK[m[1]], text)
    return text.replace(" * ", " · ").replace(" -", " −").replace("-&gt;", "→")


def first_class(module: str) -> str:
    """Name of the first public class of a module's source."""
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    return next(
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
