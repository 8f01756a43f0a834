"""GTA5: street scenes of a computer game, the usual source domain of this field.

Richter et al., "Playing for Data: Ground Truth from Computer Games" (ECCV 2016). Layout below the
data set's folder, as it is distributed::

    images/NNNNN.png
    labels/NNNNN.png    palette images; their indices are the ids of Cityscapes

The ids become the 19 classes of Cityscapes; all others are ignored. There is no background. All
images are the source in this field; here a fiftieth of them, drawn by a seed, is ``val``.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from dagen.datasets.own.declaration import Declaration, Splits
from dagen.datasets.own.masks import OwnFolder as _OwnFolder
from dagen.datasets.own.street import declaration


class Gta5(_OwnFolder):
    """One split of GTA5."""

    splits: ClassVar[tuple[str, ...]] = ("train", "val")
    tasks = ()
    how_to_get = (
        "unpack the archives of images and labels (from "
        "download.visinf.tu-darmstadt.de/data/from_games) into its folder"
    )

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        return declaration(
            images="images/{name}.png",
            masks="labels/{name}.png",
            splits=Splits(val=0.02),
        )

    def _layout(self) -> str:
        return f"images belong in {self.root / 'images'}, their labels in {self.root / 'labels'}."
