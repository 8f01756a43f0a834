"""Teacher: the student learns the soft maps of a pretrained teacher on unlabelled photographs.

Whatever says how likely each pixel is foreground is a teacher: a salient-object network in an ONNX
file (U2-Net-p, Qin et al., Pattern Recognition 2020), a folder of maps from any automatic labeller
or a person, another run of dagen with all its classes, or the salience map. Its maps are made once
(``dagen.datasets.maps.teachers``), cut and mirrored with the images, and learnt by cross-entropy.

``paste`` shows objects that the teacher cuts out of photographs on other photographs, with their
maps (Dwibedi et al., ICCV 2017): a small network soon knows 105 photographs by heart, and pasted
ones are new each time. ``empty`` adds scenes without objects.

A map of one channel has no materials: with several foreground classes their sum is learnt, as in
``saliency``. The average of the student is scored (``mean-teacher``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from dagen.errors import UsageError
from dagen.methods.base import Context, Method, RunFacts
from dagen.methods.shared.pseudo import enlarge
from dagen.methods.shared.soft.cross_entropy import soft_cross_entropy
from dagen.parameters import Fraction, NotNegative
from dagen.types import Domain, Pasting, Task


class Teacher(Method):
    """Learns a teacher's soft maps of target images."""

    @dataclass(frozen=True)
    class Config:
        """Parameters.

        Attributes:
            maps: the teacher, or several: a known name (``dagen teacher list``), an ONNX file, a
                folder of maps, a kind of map such as ``salience``.
            input: how an ONNX file's input is prepared, in place of the TOML file beside it.
            weight: factor of all loss terms.
            cross_entropy: factor of the cross-entropy against the map.
            paste: share of the target images that get objects of other ones, in [0, 1].
            empty: a data set of scenes without objects; none by default.
            empty_share: share of the target images that are such scenes, if there are any.
        """

        maps: str | tuple[str, ...] = "u2netp"
        input: dict[str, Any] = field(default_factory=dict)
        weight: NotNegative = 1.0
        cross_entropy: NotNegative = 1.0
        paste: Fraction = 0.0
        empty: str = ""
        empty_share: Fraction = 0.1

    family = "self-training"
    paper = "after Qin et al., Pattern Recognition 2020"
    streams: ClassVar[frozenset[Domain]] = frozenset({"target"})
    requires = ("mean-teacher",)

    @classmethod
    def refuses(cls, task: Task) -> str | None:
        """See :meth:`Method.refuses`: a background is needed."""
        return None if task.background else "there is no background"

    @classmethod
    def check(cls, config: Config, facts: RunFacts) -> None:
        """Refuse teachers named twice, and no teacher."""
        found = names(config)
        if not found or len(set(found)) < len(found):
            raise UsageError(
                f"teacher.maps is {list(found)}; name at least one teacher, and each once, such as "
                "u2netp."
            )

    @classmethod
    def maps_of(cls, config: Config) -> Mapping[str, Mapping[str, Any]]:
        """The teachers' maps."""
        return {name: config.input for name in names(config)}

    @classmethod
    def pasting(cls, config: Config) -> Pasting | None:
        """See :meth:`Method.pasting`."""
        if not config.paste and not config.empty:
            return None
        return Pasting(config.paste, config.empty or None, config.empty_share)

    def losses(self, ctx: Context) -> dict[str, Tensor]:
        """``cross_entropy``; logs ``foreground``, the map's mean."""
        (name,) = names(self.config)
        soft = ctx.target.maps[name]
        ctx.metrics["foreground"] = (soft if soft.ndim == 3 else 1 - soft[:, 0]).mean()
        logits = enlarge(ctx.target_out.logits, ctx.target.image)
        own = self.config
        return {"cross_entropy": own.weight * own.cross_entropy * soft_cross_entropy(logits, soft)}


def names(config: Teacher.Config) -> tuple[str, ...]:
    """The teachers that the parameters name."""
    return (config.maps,) if isinstance(config.maps, str) else config.maps
