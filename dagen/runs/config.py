"""The configuration of a run: one frozen dataclass, checked as a whole.

An unknown key is an error that names the nearest valid one. Torch is not imported here, so that the
command line stays fast; ``dagen.runs.reading`` reads files and flags.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import PurePath
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, TypeAdapter, ValidationError

from dagen.datasets.loading.pipelines import Augment
from dagen.errors import UsageError, unknown
from dagen.parameters import Fraction, NotNegative, Positive, complaint
from dagen.runs import recipes, values
from dagen.runs.sizes import LARGEST, parse_size

_Side = Annotated[int, Field(ge=1, le=LARGEST)]
_Steps = Annotated[int, Field(ge=0, lt=values.MANY)]
_Images = Annotated[int | Literal["all"], PlainValidator(values.images)]
_Temperature = Annotated[float | Literal["off"], PlainValidator(values.temperature)]


_LONGEST = 255  # bytes in the name of a folder
_Rate = Annotated[float, Field(gt=0, le=1e6)]


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result; the machine it runs on is not part of it.

    Attributes:
        src: source data set (images and labels).
        extra_src: further labelled data sets whose training images are added to the source's, all
            drawn equally often (see ``dagen.datasets.loading.wrappers``); only the source is
            scored.
        tgt: target data set (images; labels are used for scoring only), or None.
        extra_tgt: further data sets whose training images are added to the target's, without any
            label; only the target is scored.
        tgt_weights: shares of the target and of each of ``extra_tgt`` among the target images, as
            numbers above 0; none means by their numbers of images.
        score: further data sets whose ``val`` split is scored; source and target always are.
        empty: data set of scenes without objects, on which false alarms are counted (see
            ``dagen.datasets.loading.empty``), or None.
        method: the strategies, stacked in this order.
        model: name of the network.
        width: multiplies the network's channels.
        task: ``material`` (background and four materials), ``binary`` (background, waste) or
            ``classes`` (the source's own classes; the default where the source is not one of the
            waste data sets).
        size: height and width of the training crop in pixels; images are scored at the
            smallest size that covers it.
        steps: number of optimiser steps.
        batch: number of images of each domain in a step, over all processes.
        source_batch: number of labelled images in a step, if it is another one; 0 is ``batch``.
        seed: seed of everything random.
        batch_norm: which domain's images update the running statistics (see ``dagen.batch_norm``).
        freeze_batch_norm: share of the steps after which the running statistics are frozen, and
            normalise the passes that updated them (see ``dagen.batch_norm``); 1 means never.
        sync_batch_norm: whether training passes are normalised by the statistics of the images of
            all processes (``torchrun``), not of each process's share; in one process nothing
            changes.
        zoom: training crops are magnified by up to this factor, log-uniformly from 1.
        augment: changes drawn for each training image, of every domain: a pipeline's name
            (``dagen list augmentations``), names joined by ``+``, or a list of names and of
            transforms of albumentations with their arguments (see
            ``dagen.datasets.loading.pipelines``). A table may hold ``transforms``, ``mirror`` and
            ``random_window``.
        mirror: whether half of the training images are mirrored.
        random_window: whether the window of a training image lies at random and is magnified by up
            to ``zoom``; otherwise it is the largest one in the middle.
        loss: loss of labelled images: a name (``dagen list losses``), or a sum such as
            ``cross-entropy+dice``. As a table it has the name and parameters:
            ``loss = { name = "focal", gamma = 3 }``.
        loss_options: the parameters of ``loss``, or tables of them by the names of its terms.
        source_labels: number of the source's training images that are used, or ``all``; see
            ``dagen.datasets.loading.few_labels`` for their choice.
        target_labels: number of target training images whose labels are used too, or ``all``; see
            ``dagen.datasets.loading.few_labels`` for their choice.
        rare_class_sampling: ``off``, or the temperature at which labelled images are drawn by
            class (see ``dagen.datasets.loading.rare_classes``); the paper's is 0.01.
        candidates: number of checkpoints that are kept, evenly spaced and including the last; 1
            keeps only the last, without judging. If ``select`` names a validator, the default is 5.
        select: checkpoint to deploy: ``last``, or the pick of a validator
            (``dagen list validators``); no target label is used.
        lr: AdamW's peak learning rate, before the network's own ``lr_scale``; 1e-3 by default if
            the network starts from pretrained weights.
        encoder_lr_factor: factor of ``lr`` for the encoder of a network that can start from
            pretrained weights; None (no factor) unless it does start from them, then 0.3.
        weight_decay: AdamW's weight decay, on convolution and linear weights only.
        warmup: number of steps of linear warm-up.
        power: exponent of the polynomial decay after it.
        clip: largest L2 norm of the gradient.
        compile: whether the student's passes are compiled (``torch.compile``), which changes
            results by rounding only (see ``dagen.engine.compiling``).
        init: a deployed file (``.safetensors``) whose weights the student starts from, or
            ``run:NAME`` for that of a run.
        model_options: the network's own keyword arguments.
        parts: parameters of the strategies, by strategy.
        recipe: the recipe that named this stack, if any; it has no influence and is stored only as
            a tag.
    """

    src: str = "resortit"
    extra_src: tuple[str, ...] = ()
    tgt: str | None = None
    extra_tgt: tuple[str, ...] = ()
    tgt_weights: tuple[Positive, ...] = ()
    score: tuple[str, ...] = ()
    empty: str | None = None
    method: tuple[str, ...] = ("supervised",)
    model: str = "enet"
    width: Annotated[float, Field(gt=0, le=4)] = 1.0
    task: Literal["binary", "material", "classes"] = "material"
    size: tuple[_Side, _Side] = (224, 448)
    steps: Annotated[int, Field(ge=1, lt=values.MANY)] = 200
    batch: Annotated[int, Field(ge=1, le=65536)] = 4
    source_batch: Annotated[int, Field(ge=0, le=65536)] = 0
    seed: Annotated[int, Field(ge=0, lt=values.MANY)] = 0
    batch_norm: Literal["shared", "source", "target", "separate"] = "target"
    freeze_batch_norm: Fraction = 1.0
    sync_batch_norm: bool = False
    zoom: Annotated[float, Field(ge=1, le=8)] = 2.0
    augment: Annotated[Augment, PlainValidator(values.augment)] = "none"
    mirror: bool = True
    random_window: bool = True
    loss: str = "cross-entropy"
    loss_options: dict[str, Any] = field(default_factory=dict)
    source_labels: Annotated[int | Literal["all"], PlainValidator(values.images)] = "all"
    target_labels: Annotated[int | Literal["all"], PlainValidator(values.images)] = 0
    rare_class_sampling: Annotated[float | Literal["off"], PlainValidator(values.temperature)] = (
        "off"
    )
    candidates: Annotated[int, Field(ge=1, le=100)] = 1
    select: str = "last"
    lr: _Rate = 2e-3
    weight_decay: NotNegative = 1e-2
    warmup: _Steps = 50
    power: NotNegative = 0.9
    clip: Positive = 5.0
    encoder_lr_factor: NotNegative | None = None
    compile: bool = False
    init: str | None = None
    model_options: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipe: str | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """Name of the run's folder: readable, and unique by a hash of the whole configuration."""
        digest = hashlib.blake2b(self.to_json().encode(), digest_size=4).hexdigest()
        where = [plain_name(name) for name in (self.src, self.tgt) if name is not None]
        method = "+".join(self.method) if len(self.method) < 5 else f"{self.method[0]}+more"
        rest = f"{self.model}-{method}-{self.task}-s{self.seed}-{digest}"
        if len(os.fsencode("-".join([*where, rest]))) > _LONGEST:
            where = [name[:16] for name in where]
        return "-".join([*where, rest])

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as stored in checkpoints and MLflow.

        Settings that were added after the first runs are left out at their defaults, so that those
        runs keep their names and files.
        """
        plain = asdict(self)
        del plain["recipe"]
        for name, default in _LATER.items():
            if plain[name] == default:
                del plain[name]
        return plain

    def to_json(self) -> str:
        """The settings as one line of JSON with sorted keys."""
        return json.dumps(self.to_dict(), sort_keys=True, default=list)

    @property
    def labelled_batch(self) -> int:
        """Number of labelled images in a step, over all processes."""
        return self.source_batch or self.batch

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
            extra_tgt=(),
            tgt_weights=(),
            target_labels=0,
            rare_class_sampling="off",
            # A validator that uses the target may not choose for a run without target.
            select=self.select if own_choice else "last",
            candidates=self.candidates if own_choice else 1,
            recipe=None,
        )


_LATER = {
    "source_labels": "all",
    "mirror": True,
    "random_window": True,
    "loss": "cross-entropy",
    "loss_options": {},
    "source_batch": 0,
    "extra_src": (),
    "extra_tgt": (),
    "tgt_weights": (),
    "empty": None,
    "target_labels": 0,
    "rare_class_sampling": "off",
    "candidates": 1,
    "select": "last",
    "freeze_batch_norm": 1.0,
    "sync_batch_norm": False,
    "encoder_lr_factor": None,
    "compile": False,
}
_ADAPTER = TypeAdapter(Config)


def from_mapping(settings: Mapping[str, Any]) -> Config:
    """A checked configuration.

    Raises:
        UsageError: an unknown key (the nearest is named) or a value outside its range.
    """
    allowed = [f.name for f in fields(Config) if f.name != "recipe"]
    for key in settings:
        if key not in allowed:
            raise unknown("setting", str(key), allowed)
    given = dict(settings)
    for name in ("method", "extra_src", "extra_tgt", "score"):
        if name in given:
            given[name] = values.names(name, given[name])
    values.check_parts(given.get("parts", {}))
    values.check_table("model_options", given.get("model_options", {}))
    given = values.with_augment(values.with_loss(given))
    given, recipe = recipes.expand(given, Config.model)
    given = _with_strategy_defaults(given)
    given = _with_network_defaults(given)
    if "task" not in given and "src" in given:
        given["task"] = _usual_task(given["src"])
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


def _with_strategy_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """The settings, with those that their strategies declare where they lack them.

    Raises:
        UsageError: two strategies declare different values.
    """
    from dagen import plugins

    found: dict[str, Any] = {}
    by: dict[str, str] = {}
    for name in given.get("method", ()):
        if name not in plugins.names("methods"):
            continue  # refused later, with the nearest name
        for key, value in plugins.get("methods", name).settings.items():
            if key not in given and found.get(key, value) != value:
                raise UsageError(
                    f"{by[key]} is made for {key} = {found[key]} and {name} for {value}; give "
                    f"{key} yourself."
                )
            found[key], by[key] = value, name
    return {**found, **given}


def plain_name(name: str) -> str:
    """The name of a data set in file names: for a path, its folder's name, made plain.

    Two paths of one folder's name share it; the hash in a run's name tells them apart.
    """
    if not {*name} & {*"/\\~"} and not name.startswith("."):
        return name
    folder = PurePath(os.path.abspath(os.path.expanduser(name.replace("\\", "/")))).name
    return re.sub(r"[^\w.-]+", "_", folder).strip(".") or "data"


def _usual_task(src: object) -> str:
    """The task of a source if none is given: its own classes, unless it is a waste data set."""
    from dagen import plugins

    if not isinstance(src, str) or src not in plugins.names("datasets"):
        return "classes"
    presets = [task.name for task in plugins.get("datasets", src).tasks]
    return "material" if "material" in presets else "classes"


def _with_network_defaults(given: dict[str, Any]) -> dict[str, Any]:
    """The settings, with those that their network declares where they lack them."""
    from dagen import plugins

    model = given.get("model", Config.model)
    if not isinstance(model, str) or model not in plugins.names("models"):
        return given
    network = plugins.get("models", model)
    options = {**network.default_options, **given.get("model_options", {})}
    declared = network.settings(options)
    missing = {name: value for name, value in declared.items() if given.get(name) is None}
    return {**given, **missing, **({"model_options": options} if options else {})}
