"""The facts of a run that strategies may know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagen.methods._asked import Asked
from dagen.types import Task


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """The facts of a run that are known before its network is built.

    Attributes:
        task: what is segmented.
        stride: input pixels per logit, along each side.
        steps: number of steps of the run.
        size: height and width of the training images in pixels.
        seed: seed of the run.
        source_images: number of source images in one process's batch.
        loss: the loss of labelled images; a name, or names joined by ``+``.
        loss_options: its parameters; see :func:`dagen.criteria.base.create`.
        stream_images: number of images that an online part adapts to, all passes together; 0 in a
            run that trains.
    """

    task: Task
    stride: int
    steps: int
    size: tuple[int, int]
    seed: int = 0
    source_images: int = 2
    loss: str = "cross-entropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    stream_images: int = 0

    @property
    def num_classes(self) -> int:
        """Number of classes, background included."""
        return self.task.num_classes


@dataclass(frozen=True, kw_only=True)
class Setting(RunFacts):
    """The facts that a part may know when it is built.

    Attributes:
        feature_channels: channels of ``SegOut.features``.
        networks: the trained networks that the parts ask for (``Method.networks_of``), by name.
    """

    feature_channels: int
    networks: Mapping[str, Asked] = field(default_factory=dict)
