"""MixVal: do predictions survive mixing? (Hu et al., NeurIPS 2023), for segmentation.

Two target images are mixed, their predictions are mixed in the same way, and the network's
prediction for the mixed image should equal the mixed prediction. It does if the network has learnt
the objects themselves, but not if it has learnt their usual surroundings.

Deviations. The paper mixes whole images (0.55 to 0.45) and compares one class per image; here the
objects that the network itself sees in one image are pasted on the next one (ClassMix, Olsson et
al., WACV 2021, with foreground classes alone), and the agreement is the mean IoU over all classes,
where a class that appears nowhere counts as 0 (:mod:`dagen.validators._agreement`). The paper
averages the ranks of two probes, within and between classes; one paste covers both.
"""

from __future__ import annotations

from torch import Tensor

from dagen.ops import class_mix
from dagen.validators._agreement import agreement
from dagen.validators.base import Evidence, NotApplicable, Validator


class MixVal(Validator):
    """Rewards predictions that stay when objects are pasted elsewhere."""

    paper = "Hu et al., NeurIPS 2023"

    def score(self, evidence: Evidence) -> float:
        """In [0, 1]."""
        image, own = evidence.target_images, evidence.target.prediction
        if len(image) < 2:
            raise NotApplicable("mixing needs two target images, and there is one.")
        pasted = class_mix(
            own, evidence.generator("mixval"), background=not evidence.probes.task.background
        )
        answer = evidence.ask(mix(image, pasted), "target").prediction
        expected = mix(own[:, None], pasted)[:, 0]
        return agreement(answer, expected, evidence.probes.task.num_classes)


def mix(x: Tensor, kept: Tensor) -> Tensor:
    """Each of ``x`` (N, ...) where ``kept`` (N, 1, H, W) is True, elsewhere the next one."""
    return x.where(kept, x.roll(-1, 0))
