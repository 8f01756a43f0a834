"""A folder of images and nothing else: a data set without labels that needs no ``dagen.toml``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from dagen.datasets.own.declaration import FILE, Declaration
from dagen.datasets.own.looking import look
from dagen.datasets.own.masks import OwnFolder
from dagen.datasets.reading.paths import list_images

_LOOKED_AT = 5


def is_plain(folder: Path) -> bool:
    """Whether a folder without ``dagen.toml`` holds images, all of them directly."""
    if (folder / FILE).exists():
        return False
    names = list_images(folder)
    return bool(names) and all("/" not in name for name in names)


class PlainFolder(OwnFolder):
    """The images of a plain folder; all of them are for training.

    Images in sub-folders are left to a ``dagen.toml``: they may be masks.
    """

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        return Declaration(kind="folder", images=".")

    def _listing(self) -> Iterable[str]:
        names = [*super()._listing()]
        stems = {PurePosixPath(name).stem for name in names}
        longer = (name for name in names if _extends(PurePosixPath(name).stem, stems))
        for name, _ in zip(longer, range(_LOOKED_AT), strict=False):
            if look(self.root / name) is not None:
                self._faults.append(
                    f"{self.root / name} looks like a mask: `dagen data new {self.root}` writes a "
                    f"{FILE} that tells masks from images."
                )
                break
        return names

    def _layout(self) -> str:
        return (
            f"it has no {FILE} and no labels, so all its images are for training; `dagen data new "
            f"{self.root}` writes a {FILE} whose splits hold some back."
        )

    def _has_mask(self, image: str) -> bool:
        return False


def _extends(stem: str, stems: set[str]) -> bool:
    """Whether another image's name is the beginning of this one, as in ``a`` and ``a_mask``."""
    return any(stem[:k] in stems for k in range(1, len(stem)))
