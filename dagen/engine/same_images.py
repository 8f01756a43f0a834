"""Images that must not teach: those that are scored, under whatever name they come in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from dagen.datasets.base import Dataset
from dagen.datasets.loading.empty import EmptyScenes, open_empty
from dagen.datasets.loading.opening import open_dataset, open_scored
from dagen.datasets.reading.files import Files
from dagen.errors import UsageError
from dagen.runs.plan import Plan

Titled = dict[Path, str]
"""Image files, and what they are."""


def check_same_images(plan: Plan, data_root: Path | None) -> None:
    """Check that no image of a further data set is one that is scored, or is there twice.

    Images that are scored are known by their contents as well, so that a copy does not pass. Scenes
    without objects must not be images of another data set of the run, which has objects.

    Args:
        plan: plan of the run.
        data_root: the folder of all data sets.

    Raises:
        UsageError: a data set has such images.
        DataError: a data set is missing or damaged.
    """
    config, pasting = plan.config, plan.parts.pasting
    scenes = None if pasting is None else pasting.empty
    if not (config.extra_src or config.extra_tgt or scenes):
        return

    def trained(name: str) -> set[Path]:
        return _files(open_dataset(name, "train", plan.task, data_root))

    scored: Titled = {}
    for name in plan.held_out:
        scored |= dict.fromkeys(_files(open_scored(name, plan.task, data_root)), f"{name} val")
    kept: Titled = {}
    if config.empty is not None:
        counted = _files(open_empty(config.empty, "val", plan.task, data_root))
        kept = dict.fromkeys(counted, f"{config.empty}, which counts false alarms")
    ours = (config.src, *config.extra_src)
    learnt: Titled = {}
    for name in ours if plan.reads_source or plan.pretrains else ():
        files = trained(name)
        if name in config.extra_src:
            _refuse("extra_src names", name, files, scored | kept)
        learnt |= dict.fromkeys(files, f"{name} train")
    for name in () if config.tgt is None else (config.tgt, *config.extra_tgt):
        files = trained(name)
        if name in config.extra_tgt:
            # A copy of an image to learn from is harmless.
            _refuse("extra_tgt names", name, files, scored | kept, learnt)
        learnt |= dict.fromkeys(files, f"{name} train")
    if scenes is not None:
        files = _files(open_empty(scenes, "train", plan.task, data_root))
        # Two halves of one data set may hold copies of each other.
        others = kept if scenes != config.empty else {}
        _refuse("scenes without objects come from", scenes, files, scored | learnt | others)


def _refuse(
    how: str, name: str, files: Collection[Path], copied: Titled, there: Titled | None = None
) -> None:
    """Refuse files that are among others, or are copies of some of them."""
    twice = {path: title for path, title in (there or {}).items() if path in files}
    twice |= _copies(files, copied)
    if twice:
        first = min(twice)
        raise UsageError(
            f"{how} '{name}', and {len(twice)} of its {len(files)} images are those of "
            f"{twice[first]}, such as {first}; leave it out."
        )


def _copies(files: Iterable[Path], known: Mapping[Path, str]) -> Titled:
    """The files that are known, or have the content of a known one, and what that is."""
    sizes: dict[int, list[Path]] = {}
    for path in known:
        if path.is_file():
            sizes.setdefault(path.stat().st_size, []).append(path)
    digests: dict[Path, bytes] = {}

    def digest(path: Path) -> bytes:
        if path not in digests:
            digests[path] = hashlib.sha256(path.read_bytes()).digest()
        return digests[path]

    found: Titled = {}
    for path in files:
        if path in known:
            found[path] = known[path]
        elif path.is_file():
            for other in sizes.get(path.stat().st_size, ()):
                if digest(other) == digest(path):
                    found[path] = known[other]
    return found


def _files(dataset: Dataset) -> set[Path]:
    """The image files of a data set; none of a procedural one."""
    if not isinstance(dataset, Files | EmptyScenes):
        return set()
    return {(dataset.root / dataset.name(i)).resolve() for i in range(len(dataset))}
