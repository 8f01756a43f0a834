"""The 19 classes of street scenes that the data sets of this field share."""

from __future__ import annotations

from dagen.datasets.own.declaration import Declaration, Splits

CLASSES: dict[int, tuple[str, str]] = {
    7: ("road", "#804080"),
    8: ("sidewalk", "#F423E8"),
    11: ("building", "#464646"),
    12: ("wall", "#66669C"),
    13: ("fence", "#BE9999"),
    17: ("pole", "#999999"),
    19: ("traffic light", "#FAAA1E"),
    20: ("traffic sign", "#DCDC00"),
    21: ("vegetation", "#6B8E23"),
    22: ("terrain", "#98FB98"),
    23: ("sky", "#4682B4"),
    24: ("person", "#DC143C"),
    25: ("rider", "#FF0000"),
    26: ("car", "#00008E"),
    27: ("truck", "#000046"),
    28: ("bus", "#003C64"),
    31: ("train", "#005064"),
    32: ("motorcycle", "#0000E6"),
    33: ("bicycle", "#770B20"),
}
"""Name and usual colour by the id in Cityscapes' ``labelIds`` files; the order is that of the
training ids 0 to 18."""

IGNORED = [value for value in range(35) if value not in CLASSES]
"""Ids of those files that are no class of the 19."""


_NO_SHARES = Splits()


def declaration(images: str, masks: str, splits: Splits = _NO_SHARES) -> Declaration:
    """The declaration of a data set whose masks hold those ids.

    Args:
        images: pattern of the images.
        masks: pattern of their masks.
        splits: shares of the images, where no folder is a split.
    """
    return Declaration(
        kind="folder",
        images=images,
        masks=masks,
        ids={str(value): name for value, (name, _) in CLASSES.items()},
        colours=dict(CLASSES.values()),
        ignore=[*IGNORED],
        splits=splits,
    )
