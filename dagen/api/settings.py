"""The fields of a configuration as keywords, with all accepted types."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict

Size = str | tuple[int, int]
"""Height and width in pixels, such as ``"224x448"`` or ``(224, 448)``."""

Names = str | list[str] | tuple[str, ...]
"""Names as a sequence, or as a string with commas."""


class Settings(TypedDict, total=False):
    """Keywords of :func:`dagen.train` and :func:`dagen.adapt`, and what they mean.

    :class:`dagen.Config` describes each keyword and its values. Missing keywords come from the
    deployed file that ``init`` names, if there is one, and otherwise have their defaults.
    """

    src: str
    extra_src: Names
    tgt: str | None
    extra_tgt: Names
    tgt_weights: list[float] | tuple[float, ...]
    score: list[str] | tuple[str, ...]
    empty: str | None
    method: Names
    model: str
    width: float
    task: Literal["binary", "material", "classes"]
    size: Size
    steps: int
    batch: int
    source_batch: int
    seed: int
    batch_norm: Literal["shared", "source", "target", "separate"]
    freeze_batch_norm: float
    sync_batch_norm: bool
    zoom: float
    augment: str | list[str | dict[str, Any]]
    mirror: bool
    random_window: bool
    loss: str | dict[str, Any]
    loss_options: dict[str, Any]
    source_labels: int | Literal["all"]
    target_labels: int | Literal["all"]
    rare_class_sampling: float | Literal["off"]
    candidates: int
    select: str
    lr: float
    weight_decay: float
    warmup: int
    power: float
    clip: float
    encoder_lr_factor: float | None
    compile: bool
    init: Path | str | None
    model_options: dict[str, Any]
    parts: dict[str, dict[str, Any]]
