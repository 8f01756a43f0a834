"""What a run is going to do."""

from __future__ import annotations

from collections.abc import Sequence

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs.config import Config

SUPERVISED = "supervised"
"""The part that every run has unless it is source-free."""


def resolve(names: Sequence[str]) -> tuple[str, ...]:
    """The parts of a stack: those that were asked for and those that they need.

    ``supervised`` comes first, unless it is named or the stack is source-free (it holds a part
    of that family, and none that streams the source). What a part requires comes before it,
    and before all named parts where it is not named itself.

    Raises:
        UsageError: an unknown or repeated name, a required part that stands too late, or a
            part beside one that is online.
    """
    methods = {name: plugins.get("methods", name) for name in names}
    if len(methods) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"'{twice}' is in the stack twice; name every part once.")
    online = next((name for name, method in methods.items() if method.online), None)
    if online and len(names) > 1:
        raise UsageError(
            f"'{online}' adapts over a stream of images, alone: train the other parts first and "
            f"give their model.safetensors with --method {online} --init."
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
        for needed in plugins.get("methods", name).requires:
            if needed in names and needed not in (*ordered, *waiting):
                raise UsageError(
                    f"'{name}' needs '{needed}' before it; change the order to {needed},{name}."
                )
            add(needed, (*waiting, name))
        ordered.append(name)

    if SUPERVISED not in names and not source_free:
        add(SUPERVISED, ())
    # Before all named parts: a teacher's predictor would undo that of adabn before it.
    for name in names:
        for needed in methods[name].requires:
            if needed not in names:
                add(needed, (name,))
    for name in names:
        add(name, ())
    return tuple(ordered)


def is_online(config: Config) -> bool:
    """Whether a run adapts over a stream (``dagen.engine.online``) instead of training."""
    return any(plugins.get("methods", name).online for name in config.method)


def reads_source(config: Config) -> bool:
    """Whether a run opens source images: all do but source-free ones."""
    return SUPERVISED in resolve(config.method)


def scored(config: Config) -> tuple[str, ...]:
    """The data sets that a run is scored on.

    A source-free run need not have the source: it is scored there only where ``score`` names it.
    """
    if reads_source(config):
        return config.scored
    return tuple(n for n in config.scored if n != config.src or n in (config.tgt, *config.score))
