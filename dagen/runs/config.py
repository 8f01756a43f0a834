"""The configuration of a run: one frozen dataclass, checked as a whole.

An unknown key is an error that names the nearest valid one. Torch is not imported here, so that the
command line stays fast; ``dagen.runs.reading`` reads files and flags.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, PositiveInt, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from dagen.errors import UsageError, unknown
from dagen.parameters import Fraction, NotNegative, Positive, Steps, complaint
from dagen.runs import recipes


def _images(value: object) -> int | str:
    """A number of images from a value of TOML or a command line."""
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise PydanticCustomError("images", "write a number of images (0 or more), or all")


def _temperature(value: object) -> float | str:
    if value == "off":
        return "off"
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return float(value)
    raise PydanticCustomError("temperature", "write a temperature above 0, such as 0.01, or off")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result; the machine it runs on is not part of it.

    Attributes:
        src: source data set (images and labels).
        extra_src: further labelled data sets whose training images are added to the source's, all
            drawn equally often (see ``dagen.datasets.loading.wrappers``); only the source is
            scored.
        tgt: target data set (images; labels are used for scoring only), or None.
        score: further data sets whose ``val`` split is scored; source and target always are.
        method: the strategies, stacked in this order.
        model: name of the network.
        width: multiplies the network's channels.
        task: ``material`` (background and four materials) or ``binary`` (background, waste).
        size: height and width of the training crop in pixels; images are scored at the
            smallest size that covers it.
        steps: number of optimiser steps.
        batch: number of images of each domain in a step, over all processes.
        seed: seed of everything random.
        batch_norm: which domain's images update the running statistics (see ``dagen.batch_norm``).
        freeze_batch_norm: share of the steps after which the running statistics are frozen, and
            normalise the passes that updated them (see ``dagen.batch_norm``); 1 means never.
        zoom: training crops are magnified by up to this factor, log-uniformly from 1.
        augment: defects drawn on training images: none, or ``camera`` (JPEG, blur, noise,
            shadow).
        target_labels: number of target training images whose labels are used too, or ``all``; see
            ``dagen.datasets.loading.few_labels`` for their choice.
        rare_class_sampling: ``off``, or the temperature at which labelled images are drawn by
            class (see ``dagen.datasets.loading.rare_classes``); the paper's is 0.01.
        candidates: number of checkpoints that are kept, evenly spaced and including the last; 1
            keeps only the last, without judging. If ``select`` names a validator, the default is 5.
        select: checkpoint to deploy: ``last``, or the pick of a validator
            (``dagen list validators``); no target label is used.
        lr: AdamW's peak learning rate, before the network's own ``lr_scale``.
        weight_decay: AdamW's weight decay, on convolution and linear weights only.
        warmup: number of steps of linear warm-up.
        power: exponent of the polynomial decay after it.
        clip: largest L2 norm of the gradient.
        init: a deployed file (``.safetensors``) whose weights the student starts from.
        model_options: the network's own keyword arguments.
        parts: parameters of the strategies, by strategy.
        recipe: the recipe that named this stack, if any; it has no influence and is stored only as
            a tag.
    """

    src: str = "resortit"
    extra_src: tuple[str, ...] = ()
    tgt: str | None = None
    score: tuple[str, ...] = ()
    method: tuple[str, ...] = ("supervised",)
    model: str = "enet"
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    task: Literal["binary", "material"] = "material"
    size: tuple[PositiveInt, PositiveInt] = (224, 448)
    steps: PositiveInt = 200
    batch: PositiveInt = 4
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    batch_norm: Literal["shared", "source", "target", "separate"] = "target"
    freeze_batch_norm: Fraction = 1.0
    zoom: Annotated[float, Field(ge=1, le=8)] = 2.0
    augment: Literal["none", "camera"] = "none"
    target_labels: Annotated[int | Literal["all"], PlainValidator(_images)] = 0
    rare_class_sampling: Annotated[float | Literal["off"], PlainValidator(_temperature)] = "off"
    candidates: Annotated[int, Field(ge=1, le=100)] = 1
    select: str = "last"
    lr: Positive = 2e-3
    weight_decay: NotNegative = 1e-2
    warmup: Steps = 50
    power: NotNegative = 0.9
    clip: Positive = 5.0
    init: str | None = None
    model_options: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipe: str | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Name of the run's folder: readable, and unique by a hash of the whole configuration."""
        digest = hashlib.blake2b(self.to_json().encode(), digest_size=4).hexdigest()
        where = self.src if self.tgt is None else f"{self.src}-{self.tgt}"
        method = "+".join(self.method) if len(self.method) < 5 else f"{self.method[0]}+more"
        return f"{where}-{self.model}-{method}-{self.task}-s{self.seed}-{digest}"

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as stored in checkpoints and MLflow.

        Settings that were added after the first runs are left out at their defaults, so that those
        runs keep their names and files.
        """
        values = asdict(self)
        del values["recipe"]
        for name, default in _LATER.items():
            if values[name] == default:
                del values[name]
        return values

    def to_json(self) -> str:
        """The settings as one line of JSON with sorted keys."""
        return json.dumps(self.to_dict(), sort_keys=True, default=list)

    @property
    def scored(self) -> tuple[str, ...]:
        """All data sets that are scored, the source first."""
        return tuple(dict.fromkeys(n for n in (self.src, self.tgt, *self.score) if n))

    @property
    def ceiling(self) -> str | None:
        """``oracle`` or ``oracle+source`` for a run that has all target labels, else None.

        The oracle is a run whose only data set is also named in ``score``:
        ``dagen train --src taco --score taco``.
        """
        if self.tgt is None:
            return "oracle" if self.src in self.score else None
        return "oracle+source" if self.target_labels == "all" else None

    def source_only(self) -> Config:
        """The baseline beside this run: same network, data and budget, no target, no strategy."""
        own_choice = self.select == "source-val"
        return replace(
            self,
            tgt=None,
            score=self.scored[1:],
            method=("supervised",),
            parts={},
            batch_norm="source",
            init=None,
            extra_src=(),
            target_labels=0,
            rare_class_sampling="off",
            # A validator that uses the target may not choose for a run without target.
            select=self.select if own_choice else "last",
            candidates=self.candidates if own_choice else 1,
            recipe=None,
        )


_LATER = {
    "extra_src": (),
    "target_labels": 0,
    "rare_class_sampling": "off",
    "candidates": 1,
    "select": "last",
    "freeze_batch_norm": 1.0,
}
_ADAPTER = TypeAdapter(Config)


def from_mapping(values: Mapping[str, Any]) -> Config:
    """A checked configuration.

    Raises:
        UsageError: an unknown key (the nearest is named) or a value outside its range.
    """
    allowed = [f.name for f in fields(Config) if f.name != "recipe"]
    for key in values:
        if key not in allowed:
            raise unknown("setting", key, allowed)
    given = dict(values)
    if isinstance(given.get("method"), str):
        given["method"] = [name.strip() for name in given["method"].split(",") if name.strip()]
    if isinstance(given.get("extra_src"), str):
        given["extra_src"] = [n.strip() for n in given["extra_src"].split(",") if n.strip()]
    given, recipe = recipes.expand(given, Config.model)
    if given.get("select", "last") != "last":
        given.setdefault("candidates", 5)
    if isinstance(given.get("size"), str):
        given["size"] = parse_size(given["size"])
    try:
        config = _ADAPTER.validate_python(given)
    except ValidationError as error:
        raise UsageError(f"{complaint(error.errors()[0])}.") from None
    if not config.method:
        raise UsageError("method is empty; name at least one, such as supervised.")
    return replace(config, recipe=recipe)


def parse_size(text: str) -> tuple[int, int]:
    """Height and width from ``"224x448"``.

    Raises:
        UsageError: anything else.
    """
    height, _, width = text.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"size is '{text}'; write height x width in pixels, such as 224x448.")
    return int(height), int(width)
