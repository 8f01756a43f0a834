"""AdaptSegNet: adversarial alignment of output maps (Tsai et al., CVPR 2018).

A discriminator D learns to tell softmax maps P of the source (1) from those of the target (0):
``-log D(P_source) / 2 - log(1 - D(P_target)) / 2`` (the halves come from the authors' code). The
segmenter adds ``weight * -log D(P_target)``. With auxiliary heads there is one discriminator per
head (the multi-level variant; ``aux_weight = 0`` is the single-level one).

Deviations: the maps are averaged down to a quarter of the input (``stride``), where the paper
upsamples them to the whole input: no information is lost for networks of stride 4 and above, and D
is 16 times cheaper; the last convolution is 3x3 with stride 1. The authors use SGD and polynomial
decay for both; here the run's schedule scales D's rate.
"""

from __future__ import annotations

from torch import Tensor

from dagen.methods.shared.adversarial import OutputAdversarial


class AdaptSegNet(OutputAdversarial):
    """Adversary on softmax maps."""

    paper = "Tsai et al., CVPR 2018"

    def represent(self, p: Tensor) -> Tensor:
        """The class probabilities themselves."""
        return p
