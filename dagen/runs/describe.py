"""A run in words: its title, its budget, and the command that repeats it.

Everything is read from the configuration as ``result.json`` stores it, so that runs of earlier
versions can be described too.
"""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

from dagen.runs.config import Config, plain_name
from dagen.runs.starts import is_start

Stored = Mapping[str, Any]
"""A configuration as plain values, see :meth:`dagen.runs.config.Config.to_dict`."""

ROLES = ("target", "source", "also scored")
"""The roles of scored data sets in a run, in the order of tables."""

_FLAGS = ("src", "tgt", "method", "model", "task", "size", "steps", "batch", "seed")
"""Settings that the command always names, defaults or not, because runs are compared by them."""
_TELLING = ("model", "width", "src", "tgt", "task", "steps", "batch", "size", "seed")
"""Settings that distinguish two runs of one method, the most telling first."""
_PLAIN = ("model", "src", "tgt", "task")
"""Those of them whose value needs no name beside it."""


def title(config: Stored) -> str:
    """The run's title in tables: ``source-only``, ``oracle``, ``fda+advent`` ..."""
    names = "+".join(config["method"])
    if more := (*config.get("extra_src", ()), *config.get("extra_tgt", ())):
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
        titles: a short title for each run, see :func:`title`.
        configs: configurations of the same runs.

    Returns:
        The titles, followed by the settings that distinguish runs of one title, such as
        ``advent, seed 1``, or by a number if no setting does.
    """
    found = list(titles)
    known = [settings(config) for config in configs]
    others = sorted({name for one in known for name in one} - {*_TELLING, "method", "score"})
    for name in (*_TELLING, *others):
        if name in others and len(set(found)) == len(found):
            break
        values = [text(one.get(name)) for one in known]
        kinds = Counter(title for title, _ in set(zip(found, values, strict=True)))
        # Only settings that differ between runs of one title.
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
    return plain_name(config["src"]) + (f" to {plain_name(config['tgt'])}" if config["tgt"] else "")


def roles(config: Stored) -> dict[str, str]:
    """The role of each scored data set in the run, ``source`` or ``target``, by its name.

    A run without a target is compared on the first data set in ``score``. The oracle trains on that
    data set and is compared by its target scores.
    """
    target = config["tgt"] or next(iter(config.get("score", ())), None)
    named = {config["src"]: "source"}
    return named if target is None else {**named, target: "target"}


def by_role(config: Stored, names: Iterable[str]) -> list[tuple[str, str]]:
    """Some scored data sets with their roles, in the order of :data:`ROLES`."""
    known = roles(config)
    named = [(name, known.get(name, ROLES[-1])) for name in names]
    return sorted(named, key=lambda item: ROLES.index(item[1]))


def run_name(config: Stored, name: str) -> str:
    """The run's name in MLflow: the method comes first, because lists and legends cut off the end.

    Args:
        config: configuration of the run.
        name: name of its folder; the hash at its end distinguishes runs with other settings.
    """
    code = name.rsplit("-", 1)[-1]
    model = config["model"] + (f" x{config['width']:g}" if config["width"] != 1 else "")
    seed = f"s{config['seed']}"
    return f"{title(config)} {model} {config['task']} {seed}, {domains(config)}, {code}"


def budget(config: Stored, images: int | None = None) -> str:
    """The run's budget.

    Args:
        config: configuration of the run.
        images: number of images of the stream that it adapted to, if any.
    """
    height, width = config["size"]
    each = str(config["batch"])
    if known := config.get("source_batch"):
        each += f" and {known} labelled"
    shape = f"batch {each} at {height}x{width}"
    if images is not None:
        spent = f"one pass over the {images} images that are scored, {shape}"
        passes = sum(part.get("passes", 0) for part in config.get("parts", {}).values())
        if passes:
            spent += f", after {_times(passes)} over the unlabelled training images"
    else:
        spent = f"{config['steps']} steps of {shape}"
    return f"{spent}, from a trained network" if config.get("init") else spent


def _times(passes: int) -> str:
    return "one pass" if passes == 1 else f"{passes} passes"


def in_brief(config: Stored, images: int | None = None) -> str:
    """Network, task, data, budget and seed, for captions; see :func:`budget` for ``images``."""
    spent = budget(config, images)
    return f"{config['model']}, {config['task']}, {domains(config)}, {spent}, seed {config['seed']}"


def command(config: Stored) -> str:
    """The command line that repeats the run, without settings at their defaults."""
    trains = "train" if config["tgt"] is None else "adapt"
    words = ["dagen", "pretrain" if is_start(config) else trains]
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
    """A setting as text: ``224x448`` for a size, ``fda+advent`` for a stack."""
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
    """The defaults of all settings except tables and the recipe, which has no influence."""
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
    return json.dumps(value)  # numbers, strings and booleans are the same in JSON and TOML
