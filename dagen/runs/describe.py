"""A run in words: what it is called, what it was allowed to spend, the command that makes it again.

Everything is read from the configuration as ``result.json`` stores it, so that runs of earlier
versions can be told of too.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from dagen.runs.config import Config

Stored = Mapping[str, Any]
"""A configuration as plain values, see :meth:`dagen.runs.config.Config.to_dict`."""

_FLAGS = ("src", "tgt", "method", "model", "task", "size", "steps", "batch", "seed")
"""What the command always says, defaults or not: they are what a run is compared by."""
_TELLING = ("model", "width", "src", "tgt", "task", "steps", "batch", "size", "seed")
"""Settings that tell two runs of one method apart, the most telling first."""
_PLAIN = ("model", "src", "tgt", "task")
"""Those of them whose value says by itself what it is."""


def title(config: Stored) -> str:
    """What the run is called in a table: ``source-only``, ``oracle``, ``fda+advent`` ..."""
    names = "+".join(config["method"])
    if more := config.get("extra_src", ()):
        names += f" with {' and '.join(more)}"
    labels = config.get("target_labels", 0)
    if config["tgt"] is None:
        oracle = config["src"] in config.get("score", ())
        if names == "supervised":
            return "oracle" if oracle else "source-only"
        return f"oracle ({names})" if oracle else names
    if names == "supervised" and labels == "all":
        return "oracle+source"
    return f"{names} with {labels} target labels" if labels else names


def told_apart(titles: Sequence[str], configs: Sequence[Stored]) -> list[str]:
    """The titles of some runs, each made unique by the settings that differ.

    Args:
        titles: a short one for each run, see :func:`title`.
        configs: of the same runs.

    Returns:
        The titles with what tells runs of one title apart behind them, such as ``advent, seed
        1``; a number stands behind those that no setting tells apart.
    """
    found = list(titles)
    known = [settings(config) for config in configs]
    others = sorted({name for one in known for name in one} - {*_TELLING, "method", "score"})
    for name in (*_TELLING, *others):
        if name in others and len(set(found)) == len(found):
            break
        values = [text(one.get(name)) for one in known]
        kinds = Counter(title for title, _ in set(zip(found, values, strict=True)))
        # Only where it helps: a setting that differs between runs of one title.
        found = [
            f"{title}, {value if name in _PLAIN else f'{name} {value}'}"
            if kinds[title] > 1
            else title
            for title, value in zip(found, values, strict=True)
        ]
    shared = Counter(found)
    return [
        f"{title} ({found[: k + 1].count(title)})" if shared[title] > 1 else title
        for k, title in enumerate(found)
    ]


def domains(config: Stored) -> str:
    """``resortit to taco``, or the source alone."""
    return str(config["src"]) + (f" to {config['tgt']}" if config["tgt"] else "")


def run_name(config: Stored, name: str) -> str:
    """What MLflow calls the run: the method first, because lists and legends cut off the end.

    Args:
        config: of the run.
        name: its folder's; the hash at its end tells runs of other settings apart.
    """
    code = name.rsplit("-", 1)[-1]
    model = config["model"] + (f" x{config['width']:g}" if config["width"] != 1 else "")
    seed = f"s{config['seed']}"
    return f"{title(config)} {model} {config['task']} {seed}, {domains(config)}, {code}"


def budget(config: Stored, images: int | None = None) -> str:
    """What the run was allowed to spend.

    Args:
        config: of the run.
        images: of the stream that it adapted over, if it is such a run.
    """
    height, width = config["size"]
    shape = f"batch {config['batch']} at {height}x{width}"
    if images is not None:
        spent = f"one pass over the {images} images that are scored, {shape}"
    else:
        spent = f"{config['steps']} steps of {shape}"
    return f"{spent}, from a trained network" if config.get("init") else spent


def in_brief(config: Stored, images: int | None = None) -> str:
    """Network, task, data, budget and seed, for captions; see :func:`budget` for ``images``."""
    spent = budget(config, images)
    return f"{config['model']}, {config['task']}, {domains(config)}, {spent}, seed {config['seed']}"


def command(config: Stored) -> str:
    """The command line that makes the run again; what has its default is left out."""
    words = ["dagen", "train" if config["tgt"] is None else "adapt"]
    for name in _FLAGS:
        if config[name] is not None:
            words += [f"--{name}", _flag(config[name])]
    for name, value in _others(config).items():
        words += ["--set", f"{name}={_toml(value)}"]
    return shlex.join(words)


def settings(config: Stored) -> dict[str, Any]:
    """Every setting by name, defaults included; parameters of strategies as ``advent.weight``."""
    flat: dict[str, Any] = {}
    for name, value in {**_defaults(), **config}.items():
        if name == "parts":
            flat |= {f"{part}.{key}": v for part, own in value.items() for key, v in own.items()}
        elif name == "model_options":
            flat |= {f"model_options.{key}": v for key, v in value.items()}
        else:
            flat[name] = value
    return flat


def text(value: Any) -> str:
    """A setting as it is read: ``224x448`` for a size, ``fda+advent`` for a stack."""
    if isinstance(value, list | tuple):
        numbers = all(isinstance(each, int) for each in value)
        return ("x" if numbers else "+").join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _others(config: Stored) -> dict[str, Any]:
    known = _defaults()
    return {
        name: value
        for name, value in settings(config).items()
        if name not in _FLAGS and (name not in known or text(value) != text(known[name]))
    }


def _defaults() -> dict[str, Any]:
    """The defaults of all settings but tables, and but the recipe, which decides nothing."""
    return {
        field.name: field.default
        for field in fields(Config)
        if field.default is not MISSING and field.name != "recipe"
    }


def _flag(value: Any) -> str:
    if isinstance(value, list | tuple):
        numbers = all(isinstance(each, int) for each in value)
        return ("x" if numbers else ",").join(map(str, value))
    return str(value)


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {_toml(each)}' for key, each in value.items())}}}"
    return json.dumps(value)  # numbers, strings and truth values are written alike in both
