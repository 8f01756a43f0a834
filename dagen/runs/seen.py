"""What a network has learned from besides the data sets of its run.

A pretrained encoder has seen ImageNet, a teacher what it was trained on, and the network of
``--init`` what its own run saw. Tables and deployed files say so: a comparison of two runs is fair
only if they have seen the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from dagen import plugins
from dagen.datasets.maps.teachers.known import all_known
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import read_card
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.runs.config import Config
from dagen.runs.finding import file_of
from dagen.runs.plan import Plan
from dagen.runs.results import located
from dagen.types import MIRRORED, NAMED


def seen_besides(plan: Plan, runs: Path) -> tuple[str, ...]:
    """What the network of a run has learned from besides the run's own data sets.

    Args:
        plan: plan of the run.
        runs: folder of all runs, for ``run:NAME``.

    Returns:
        Names such as ``ImageNet``, each once; none if it has seen nothing else.

    Raises:
        DagenError: a file that it starts from, or learns from, is missing or damaged.
    """
    config = plan.config
    own = {config.src, config.tgt, *config.extra_src}
    init = located(config.init, runs)
    if init is None:
        found = [*_of_start(config.model, config.model_options)]
    else:
        found = [*_of_card(read_card(Path(init)), config)]
    found += config.extra_tgt
    for name in plan.parts.maps:
        found += _of_map(name, runs, config)
    for name in plan.parts.networks:
        if name in plugins.names("models"):
            found += _of_start(name, {"pretrained": True})
        else:
            found += _of_card(read_card(file_of(name, runs)), config)
    if (pasting := plan.parts.pasting) is not None and pasting.empty is not None:
        found.append(pasting.empty)
    return tuple(name for name in dict.fromkeys(found) if name not in own)


def text(seen: tuple[str, ...]) -> str:
    """``ImageNet and DUTS-TR``, or ``nothing``."""
    return " and ".join(seen) or "nothing"


def _of_start(model: str, options: dict[str, object]) -> Iterator[str]:
    begins = plugins.get("models", model).begins(options)
    if begins is not None:
        yield begins.data


def _of_card(card: Card, config: Config) -> Iterator[str]:
    yield from card.seen or _of_start(card.model, card.options)
    run = card.run
    if config.tgt is not None and config.target_labels != "all":
        yield from _target_labels(run, config.tgt)
    extra = (*run.get("extra_src", ()), *run.get("extra_tgt", ()))
    for name in (run.get("src"), run.get("tgt"), *extra):
        if isinstance(name, str):
            yield name


def _target_labels(run: Mapping[str, Any], tgt: str) -> Iterator[str]:
    """Labels of the target that another run learned from: with them, it is no longer unlabelled."""
    if tgt in (run.get("src"), *run.get("extra_src", ())):
        yield f"labels of {tgt}"
    elif (count := run.get("target_labels")) and run.get("tgt") == tgt:
        yield f"{count} labels of {tgt}"


def _of_map(name: str, runs: Path, config: Config) -> Iterator[str]:
    """What a teacher has seen; a map computed from the image alone has seen nothing."""
    name = name.removeprefix(MIRRORED)
    if name.startswith(NAMED):
        name = name.removeprefix(NAMED)
        yield EFFICIENTNET_LITE0.data
    path = Path(located(name, runs) or name)
    if path.suffix == ".safetensors":
        yield from _of_card(read_card(path), config)
    elif name in all_known():
        yield all_known()[name].data
    elif name not in plugins.names("maps"):
        yield f"teacher {PurePath(name).name}"
