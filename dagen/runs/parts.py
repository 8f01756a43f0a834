"""The strategies of a run: the order in which they act, and their checked parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagen import plugins
from dagen.errors import UsageError, unknown
from dagen.methods.base import Method, RunFacts
from dagen.parameters import build_config
from dagen.types import Domain, Pasting

SUPERVISED = "supervised"
"""The part that learns from labels; every run has it unless it is source-free."""


@dataclass(frozen=True)
class Parts:
    """The strategies of a run; made by :func:`arrange`.

    Attributes:
        configs: the parameters of each part by its name, in the order in which the parts act.
    """

    configs: Mapping[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        """The parts' names in their order."""
        return tuple(self.configs)

    @property
    def streams(self) -> frozenset[Domain]:
        """The domains whose images the parts need."""
        return frozenset().union(*(_method(n).streams_of(own) for n, own in self.configs.items()))

    @property
    def maps(self) -> dict[str, Mapping[str, Any]]:
        """The per-image maps of target images that the parts need; see ``Method.maps_of``."""
        found: dict[str, Mapping[str, Any]] = {}
        for name, config in self.configs.items():
            found |= _method(name).maps_of(config)
        return found

    @property
    def networks(self) -> tuple[str, ...]:
        """The trained networks that the parts ask, each once; see ``Method.networks_of``."""
        every = (_method(name).networks_of(own) for name, own in self.configs.items())
        return tuple(dict.fromkeys(name for names in every for name in names))

    @property
    def pasting(self) -> Pasting | None:
        """The objects that are pasted on target images; None if no part wants any."""
        wanted = (_method(name).pasting(config) for name, config in self.configs.items())
        return next((one for one in wanted if one is not None), None)

    @property
    def needs_checkpoint(self) -> bool:
        """Whether a part starts from a trained network."""
        return any(_method(name).needs_checkpoint for name in self.configs)

    @property
    def online(self) -> str | None:
        """The part that adapts to a stream of images; None in a run that trains."""
        return next((name for name in self.configs if _method(name).online), None)

    @property
    def pretrains(self) -> str | None:
        """The part that makes a start for other runs; None in a run that is scored."""
        return next((name for name in self.configs if _method(name).pretrains), None)

    @property
    def upright(self) -> bool:
        """Whether a part needs images the right way up."""
        return any(_method(name).upright for name in self.configs)


def arrange(names: Sequence[str], given: Mapping[str, Mapping[str, Any]], facts: RunFacts) -> Parts:
    """The parts of a run, completed, ordered and checked from their declarations alone.

    Args:
        names: the requested strategies; :func:`resolve` completes them.
        given: parameters by strategy; missing parameters have their defaults.
        facts: the known facts of the run.

    Raises:
        UsageError: an unknown or repeated part, parts in the wrong order, a part that undoes an
            earlier part, a task that a part cannot serve, or a parameter that does not exist, is
            out of range or does not fit the run.
    """
    ordered = resolve(names)
    for name in given:
        if name not in ordered:
            raise unknown("part of this stack", name, ordered)
    configs = {name: _config(name, given.get(name, {}), facts) for name in ordered}
    _check_predictors(configs)
    for name, config in configs.items():
        _method(name).check(config, facts)
    return Parts(configs)


def resolve(names: Sequence[str]) -> tuple[str, ...]:
    """The names of all parts of a stack: the requested ones and those that they require.

    ``supervised`` comes first, unless it is named, the part pre-trains, or the stack is source-free
    (it has a part of that family, and none that streams the source). A required part comes before
    the part that requires it, and before all named parts if it is not named itself.

    Raises:
        UsageError: an unknown or repeated name, a required part that comes too late, or a part
            beside an online one or one that pre-trains.
    """
    methods = {name: _method(name) for name in names}
    if len(methods) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"'{twice}' is in the stack twice; name every part once.")
    online = next((name for name, method in methods.items() if method.online), None)
    if online and len(names) > 1:
        raise UsageError(
            f"'{online}' adapts over a stream of images and must be the only part: train the other "
            f"parts first and give their model.safetensors with --method {online} --init."
        )
    starts = next((name for name, method in methods.items() if method.pretrains), None)
    if starts and len(names) > 1:
        raise UsageError(
            f"'{starts}' makes a start for other runs and must be the only part: run `dagen "
            "pretrain` first, and give its run to the other parts with --init."
        )
    source_free = any(m.family == "source-free" for m in methods.values()) and not any(
        "source" in m.streams for m in methods.values()
    )
    ordered: list[str] = []

    def add(name: str, waiting: tuple[str, ...]) -> None:
        if name in ordered:
            return
        if name in waiting:
            raise UsageError(f"parts require each other: {' -> '.join((*waiting, name))}.")
        for needed in _method(name).requires:
            if needed in names and needed not in (*ordered, *waiting):
                raise UsageError(
                    f"'{name}' needs '{needed}' before it; change the order to {needed},{name}."
                )
            add(needed, (*waiting, name))
        ordered.append(name)

    if SUPERVISED not in names and not source_free and not starts:
        add(SUPERVISED, ())
    # Before all named parts: a teacher's predictor would undo that of adabn before it.
    for name in names:
        for needed in methods[name].requires:
            if needed not in names:
                add(needed, (name,))
    for name in names:
        add(name, ())
    return tuple(ordered)


def _method(name: str) -> type[Method]:
    found: type[Method] = plugins.get("methods", name)
    return found


def _config(name: str, values: Mapping[str, Any], facts: RunFacts) -> Any:
    method = _method(name)
    if (reason := method.refuses(facts.task)) is not None:
        raise UsageError(f"'{name}' cannot segment {', '.join(facts.task.classes)}: {reason}.")
    config = build_config(method.Config, values, name)
    maps = method.maps_of(config)
    if maps and (method.online or "target" not in method.streams):
        raise UsageError(
            f"'{name}' needs maps ({', '.join(sorted(maps))}), which come only with the "
            "target's training images: the strategy must name target in streams, and cannot be "
            "online."
        )
    return config


def _check_predictors(configs: Mapping[str, Any]) -> None:
    """Check that parts that replace weights or statistics come before those that change them."""
    earlier: str | None = None
    for name, config in configs.items():
        method = _method(name)
        if not method.predicts(config):
            continue
        if earlier and method.replaces:
            if not _method(earlier).replaces:
                advice = f"change the order to {name},{earlier}."
            else:
                advice = f"name one of the two, {earlier} or {name}"
                mute = [n for n in (earlier, name) if hasattr(configs[n], "predict")]
                advice += f", or set {mute[0]}.predict to false." if mute else "."
            raise UsageError(
                f"the changes of {earlier} to the network would be lost: {name} replaces it; "
                f"{advice}"
            )
        earlier = name
