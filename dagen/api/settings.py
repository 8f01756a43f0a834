"""The fields of a configuration as keywords, in every form in which they may be written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypedDict

Size = str | tuple[int, int]
"""Height and width in pixels, such as ``"224x448"`` or ``(224, 448)``."""

Names = str | list[str] | tuple[str, ...]
"""Names, one after the other; a string holds them with commas between."""


class Settings(TypedDict, total=False):
    """Keywords of :func:`dagen.train` and :func:`dagen.adapt`, and what they mean.

    :class:`dagen.Config` says what each is and which values it takes. What is not given comes
    from the deployed file that ``init`` names, if there is one, and else has its default.
    """

    src: str
    extra_src: Names
    tgt: str | None
    score: list[str] | tuple[str, ...]
    method: Names
    model: str
    width: float
    task: Literal["binary", "material"]
    size: Size
    steps: int
    batch: int
    seed: int
    batch_norm: Literal["shared", "source", "target", "separate"]
    freeze_batch_norm: float
    zoom: float
    augment: Literal["none", "camera"]
    target_labels: int | Literal["all"]
    rare_class_sampling: float | Literal["off"]
    candidates: int
    select: str
    lr: float
    weight_decay: float
    warmup: int
    power: float
    clip: float
    init: Path | str | None
    model_options: dict[str, Any]
    parts: dict[str, dict[str, Any]]
