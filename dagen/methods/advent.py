"""ADVENT: adversarial alignment of entropy maps (Vu et al., CVPR 2019).

The discriminator sees weighted self-information maps ``I_c = -p_c log p_c / log C``, all C
channels, and the segmenter adds ``weight * -log D(I_target)``: target predictions become as certain
as source predictions, in the same places. Everything else follows AdaptSegNet.

Deviations: those of AdaptSegNet. Self-information is taken at the network's own stride and then
averaged down to the discriminator's cells; the reverse order would make the border between two
certain regions uncertain.
"""

from __future__ import annotations

from torch import Tensor

from dagen.losses import self_information
from dagen.methods.shared.adversarial import OutputAdversarial


class Advent(OutputAdversarial):
    """Adversary on self-information maps."""

    paper = "Vu et al., CVPR 2019"

    def represent(self, p: Tensor) -> Tensor:
        """Self-information of each class."""
        return self_information(p)
