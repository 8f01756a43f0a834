"""ZeroWaste-f: waste on the belt of a sorting plant, fully labelled.

Bashkirova et al., "ZeroWaste Dataset: Towards Deformable Object Segmentation in Cluttered Scenes"
(CVPR 2022). Layout below the data set's folder, as it is distributed::

    splits_final_deblurred/SPLIT/data/NAME.PNG
    splits_final_deblurred/SPLIT/sem_seg/NAME.PNG

SPLIT is train, val or test. Ids: 0 background, 1 rigid plastic, 2 cardboard, 3 metal, 4 soft
plastic. Under the binary task all four are waste.
"""

from __future__ import annotations

from pathlib import Path

from dagen.datasets.own.declaration import Declaration
from dagen.datasets.own.masks import OwnFolder as _OwnFolder
from dagen.types import Task


class ZeroWaste(_OwnFolder):
    """One split of ZeroWaste-f."""

    tasks = (Task.BINARY,)
    how_to_get = "unpack zerowaste-f.zip (see github.com/dbash/zerowaste) into its folder"

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        return Declaration(
            kind="folder",
            images="splits_final_deblurred/{split}/data",
            masks="splits_final_deblurred/{split}/sem_seg",
            classes=["background", "rigid_plastic", "cardboard", "metal", "soft_plastic"],
        )

    def _layout(self) -> str:
        return f"images belong in {self.root / 'splits_final_deblurred' / self.split / 'data'}."
