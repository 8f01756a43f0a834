"""Cityscapes: German street scenes, the usual target domain of this field.

Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding" (CVPR 2016,
cityscapes-dataset.com). Layout below the data set's folder, as it is distributed::

    leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png
    gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png

SPLIT is train, val or test. Only ``leftImg8bit`` is needed to train on it as a target. The ids of
the masks become the 19 classes that are scored; all others are ignored. There is no background.
"""

from __future__ import annotations

from pathlib import Path

from dagen.datasets.own.declaration import Declaration
from dagen.datasets.own.masks import OwnFolder as _OwnFolder
from dagen.datasets.own.street import declaration


class Cityscapes(_OwnFolder):
    """One split of Cityscapes."""

    tasks = ()
    how_to_get = (
        "unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip (from "
        "cityscapes-dataset.com, after registration) into its folder"
    )

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        return declaration(
            images="leftImg8bit/{split}/{name}_leftImg8bit.png",
            masks="gtFine/{split}/{name}_gtFine_labelIds.png",
        )

    def _layout(self) -> str:
        return f"images belong in {self.root / 'leftImg8bit' / self.split / 'CITY'}."
