"""Teacher: the student learns the soft maps of a pretrained teacher on unlabelled photographs.

Whatever says how likely each pixel is foreground is a teacher: a salient-object network in an ONNX
file (U2-Net-p, Qin et al., Pattern Recognition 2020), a folder of maps from any automatic labeller
or a person, another run of dagen with all its classes, or the salience map. Its maps are made once
(``dagen.datasets.maps.teachers``), cut and mirrored with the images, and learnt by cross-entropy.

``paste`` shows objects that the teacher cuts out of photographs on other photographs, with their
maps (Dwibedi et al., ICCV 2017): a small network soon knows 105 photographs by heart, and pasted
ones are new each time. ``empty`` adds scenes without objects.

A map of one channel has no materials: with several foreground classes their sum is learnt, as in
``saliency``. ``named:`` before a teacher gives each of its regions the probabilities of all
classes, by a probe that is learnt on the source (``dagen.scoring.naming``). The average of the
student is scored (``mean-teacher``).

Options: channel-wise distillation over space (Shu et al., ICCV 2021), on the log-odds of
foreground; a soft Dice (Milletari et al., 3DV 2016) or Lovász loss (Berman et al., CVPR 2018) where
the map is sure; a band at outlines that is ignored; and bootstrapping (Reed et al., 2015), in which
the student's own average joins the map late in the run, because a teacher's mistakes are
systematic. With several teachers, images count by their agreement and disputed pixels are ignored.
``mirrored`` gets the same from one teacher: it is asked about the mirrored photograph as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from dagen.errors import UsageError
from dagen.losses import lovasz_softmax
from dagen.methods.base import Context, Method, RunFacts, Setting
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.pseudo import enlarge, started, top_class
from dagen.methods.shared.soft.answers import join_answers, require_classes
from dagen.methods.shared.soft.balance import Balance
from dagen.methods.shared.soft.channel_wise import channel_wise
from dagen.methods.shared.soft.cross_entropy import (
    Foreground,
    Over,
    decided_cross_entropy,
    foreground_logit,
    soft_cross_entropy,
)
from dagen.methods.shared.soft.dice import soft_dice
from dagen.methods.shared.soft.joining import Joined, Joining, foreground, outline_band
from dagen.methods.shared.soft.sharpening import sharpened
from dagen.parameters import Fraction, NotNegative, Positive
from dagen.types import IGNORE, MIRRORED, NAMED, WORDS, Domain, Pasting, Task

_NEAREST = 1 / 510
"""Probabilities keep this distance from 0 and 1 in a logit: half a step of an 8-bit map."""


class Teacher(Method):
    """Learns a teacher's soft maps of target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            maps: the teacher, or several: a known name (``dagen teacher list``), an ONNX file, a
                folder of maps, a run (``run:NAME``), a deployed file, or a kind of map such as
                ``salience``; after ``named:``, its regions with the names of all classes.
            input: how an ONNX file's input is prepared, in place of the TOML file beside it.
            words: after ``named:``, for classes the categories of ImageNet that are such objects:
                its classifier then has a say.
            weight: factor of all loss terms.
            cross_entropy: factor of the cross-entropy against the map.
            foreground: what the cross-entropy takes for the student's foreground where there are
                several classes of it: their ``sum``, or the ``largest`` alone, which decides what
                is segmented.
            names_over: with ``largest``, what the cross-entropy of the names is averaged over: the
                ``image``, or its ``foreground`` alone, where names count more.
            names_temperature: temperature that makes the maps' foreground classes surer (MixMatch):
                1 leaves them, towards 0 the likeliest one of each pixel is sure.
            balance: how much rarer foreground classes of the maps count more in the cross-entropy:
                weights are their shares of the maps so far to the power of minus this, from 0
                (not at all) to 1 (each class as much as any other).
            channel_wise: factor of the channel-wise distillation over space (CIRKD's code: 3 for
                logits).
            temperature: its temperature.
            dice: factor of the soft Dice loss where the map is sure.
            lovasz: factor of the Lovász loss where the map is sure.
            sure: distance from one half from which a map is sure, in [0, 0.5).
            band: pixels on each side of an object's outline that are ignored.
            joined: how several teachers' maps become one, ``mean`` or ``minimum``.
            disputed: with several teachers, pixels are ignored where their maps differ by more.
            by_agreement: whether images count by their teachers' agreement.
            mirrored: whether every teacher is asked twice, about the image and about the mirrored
                one. Its map is the mean of both answers, disputed pixels are those of the pair too,
                and images count by the pair's agreement.
            takeover: share of the steps after which the student's own average joins the map; 1 is
                never.
            trust: the map's share in the sum, at the takeover and at the end of the run.
            paste: share of the target images that get objects of other ones, in [0, 1].
            empty: a data set of scenes without objects; none by default.
            empty_share: share of the target images that are such scenes, if there are any.
        """

        maps: str | tuple[str, ...] = "u2netp"
        input: dict[str, Any] = field(default_factory=dict)
        words: dict[str, tuple[str, ...]] = field(default_factory=dict)
        weight: NotNegative = 1.0
        cross_entropy: NotNegative = 1.0
        foreground: Foreground = "sum"
        names_over: Over = "image"
        names_temperature: Positive = 1.0
        balance: Fraction = 0.0
        channel_wise: NotNegative = 0.0
        temperature: Positive = 4.0
        dice: NotNegative = 0.0
        lovasz: NotNegative = 0.0
        sure: Annotated[float, Field(ge=0, lt=0.5)] = 0.3
        band: Annotated[int, Field(ge=0, le=16)] = 0
        joined: Joining = "mean"
        disputed: Fraction = 0.5
        by_agreement: bool = True
        mirrored: bool = False
        takeover: Fraction = 1.0
        trust: tuple[Fraction, Fraction] = (0.95, 0.8)
        paste: Fraction = 0.0
        empty: str = ""
        empty_share: Fraction = 0.1

    balance: Balance | None
    family = "self-training"
    paper = "after Qin et al., Pattern Recognition 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    requires = ("mean-teacher",)

    def __init__(self, student: nn.Module, setting: Setting, config: Config) -> None:
        """See :meth:`Method.__init__`."""
        super().__init__(student, setting, config)
        classes = setting.num_classes
        self.balance = Balance(classes, config.balance) if config.balance else None

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """See :meth:`Method.refuses`: a background is needed."""
        return None if task.background else "there is no background"

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse teachers named twice, no teacher, no loss, and an input of no ONNX file."""
        found = names(config)
        if not found or len(set(found)) < len(found):
            raise UsageError(
                f"teacher.maps is {list(found)}; name at least one teacher, and each once, such as "
                "u2netp."
            )
        if not (config.cross_entropy or config.channel_wise or config.dice or config.lovasz):
            raise UsageError(
                "all factors of teacher's losses are 0; set cross_entropy, channel_wise, dice or "
                "lovasz."
            )
        if config.names_over == "foreground" and config.foreground != "largest":
            raise UsageError(
                "teacher.names_over = 'foreground' is for teacher.foreground = 'largest'; set both."
            )
        if config.input and not any(name.lower().endswith(".onnx") for name in found):
            raise UsageError(
                f"teacher.input says how an ONNX file's input is prepared, and teacher.maps names "
                f"{', '.join(found)}; leave it out, or name a file that ends in .onnx."
            )

        if config.words and not any(name.startswith(NAMED) for name in found):
            raise UsageError(
                f"teacher.words helps to name regions, and teacher.maps names {', '.join(found)}; "
                f"leave it out, or write {NAMED} before the teacher."
            )

    @classmethod
    def maps_of(cls, config: Config) -> Mapping[str, Mapping[str, Any]]:
        """The teachers' maps, and those of mirrored images."""
        found = names(config)
        twice = tuple(MIRRORED + name for name in found) if config.mirrored else ()
        said = {**config.input, **({WORDS: config.words} if config.words else {})}
        return {name: said if NAMED in name else config.input for name in (*found, *twice)}

    @classmethod
    def pasting(cls, config: Config) -> Pasting | None:
        """See :meth:`Method.pasting`."""
        if not config.paste and not config.empty:
            return None
        return Pasting(config.paste, config.empty or None, config.empty_share)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """The terms whose factors are above 0.

        Logs ``foreground``, the map's mean, and with several teachers ``agreement``.
        """
        own = self.config
        taught = self.taught(ctx)
        logits = enlarge(ctx.target_out.logits, ctx.target.image)
        if taught.soft.ndim == 3:  # foreground against background, as a map of two classes
            shown = foreground_logit(logits, own.foreground)
            logits = torch.stack([torch.zeros_like(shown), shown], 1)
        soft = _classes(taught.soft)
        weight = taught.valid * taught.agreement[:, None, None]
        sure = (soft.amax(1) - 0.5 > own.sure) & taught.valid
        terms: dict[str, Tensor] = {}
        if own.cross_entropy:
            learnt = self._balanced(soft, weight)
            if own.foreground == "sum":
                found = soft_cross_entropy(logits, learnt, weight)
            else:
                found = decided_cross_entropy(logits, learnt, weight, own.names_over)
            terms["cross_entropy"] = own.cross_entropy * found
        if own.channel_wise:
            ours, theirs = _activations(logits), _activations(soft.clamp(min=_NEAREST).log())
            found = channel_wise(ours, theirs, own.temperature, taught.valid, taught.agreement)
            terms["channel_wise"] = own.channel_wise * found
        if own.dice:
            objects = logits.softmax(1)[:, 1:], soft[:, 1:]
            terms["dice"] = own.dice * soft_dice(*objects, weight * sure)
        if own.lovasz:
            label = top_class(soft).masked_fill(~(sure & (weight >= 0.5)), IGNORE)
            terms["lovasz"] = own.lovasz * lovasz_softmax(logits, label)
        return {name: own.weight * term for name, term in terms.items()}

    def _balanced(self, soft: Tensor, weight: Tensor) -> Tensor:
        """The maps, in which rare classes count more if that is asked for.

        Raises:
            UsageError: it is asked for, and the maps tell foreground alone.
        """
        if self.balance is None:
            return soft
        if soft.shape[1] == 2:
            raise UsageError(
                f"teacher.balance is {self.config.balance}, and the maps tell foreground alone; "
                "leave it out, or name a teacher of all classes, such as named:u2netp for "
                "materials."
            )
        self.balance.observe(soft, weight)
        balanced: Tensor = self.balance(soft)
        return balanced

    def taught(self, ctx: Context) -> Joined:
        """What the student learns in this step."""
        own = self.config
        require_classes(ctx.target.maps, names(own), self.setting.num_classes)
        joined = join_answers(ctx.target.maps, names(own), own.joined, own.disputed, own.mirrored)
        shown = foreground(joined.soft)
        ctx.metrics["foreground"] = shown.mean()
        valid, agreement, soft = joined.valid, joined.agreement, joined.soft
        if own.mirrored or len(names(own)) > 1:
            ctx.metrics["agreement"] = agreement.mean()
        if not own.by_agreement:
            agreement = torch.ones_like(agreement)
        if own.names_temperature != 1 and soft.ndim == 4:
            soft = sharpened(soft, own.names_temperature)
        if own.band:
            valid = valid & ~outline_band(shown, own.band)
        if own.takeover < 1 and started(ctx, own.takeover):
            trust = self._trust(ctx)
            p = teacher_of(ctx).probabilities(ctx)
            soft = trust * soft + (1 - trust) * (p if soft.ndim == 4 else foreground(p))
        return Joined(soft, valid, agreement)

    def _trust(self, ctx: Context) -> float:
        """The map's share in what is learnt, linear from the takeover to the last step."""
        first, last = self.config.trust
        begin = self.config.takeover * ctx.steps
        done: float = (ctx.step - begin) / max(1.0, ctx.steps - 1 - begin)
        share: float = first + (last - first) * done
        return share


def names(config: Teacher.Config) -> tuple[str, ...]:
    """The teachers that the parameters name."""
    return (config.maps,) if isinstance(config.maps, str) else config.maps


def _classes(soft: Tensor) -> Tensor:
    """(B, C, H, W): a map of all classes, or of background and foreground."""
    return soft if soft.ndim == 4 else torch.stack([1 - soft, soft], 1)


def _activations(logits: Tensor) -> Tensor:
    """The log-odds of each class but the first against it; one channel for two classes."""
    return logits[:, 1:] - logits[:, :1]
