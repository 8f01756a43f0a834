"""Maps from a folder of files, one per image: what any automatic labeller or a person made.

The map of ``batch_1/000003.jpg`` is ``batch_1/000003.png`` below the folder, or ``000003.png`` if
no other image has that name. Files are 8-bit and grey: soft maps from 0 (background) to 255
(foreground), or, if no file of the folder has a value above 1, masks of 0 and 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np

from dagen.datasets.maps.base import Map, fitted
from dagen.datasets.reading.images import open_image
from dagen.errors import DataError, listed
from dagen.types import Image, Pixels

SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
"""Formats that keep values unchanged."""
_LEAST = 127
"""Below this, the largest value of a folder is taken for a class id and not for a probability."""


class FolderMap(Map):
    """The files of a folder, looked up by the names of images.

    Attributes:
        folder: the folder.
        sha256: SHA-256 over the names and contents of its files.
    """

    looks = False

    def __init__(self, folder: Path) -> None:
        """List the files.

        Raises:
            DataError: there is no file, or one cannot be read.
        """
        self.folder = folder
        self.files = sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
        )
        if not self.files:
            raise DataError(
                f"{folder} holds no map ({', '.join(SUFFIXES)}); give a folder with one grey 8-bit "
                "file for each image."
            )
        total = hashlib.sha256()
        for path in self.files:
            total.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            try:
                total.update(hashlib.sha256(path.read_bytes()).digest())
            except OSError as error:
                raise DataError(f"{path} cannot be read ({error.strerror}).") from None
        self.sha256 = total.hexdigest()
        self.digest = f"folder/1 {self.sha256}"
        self._by_name: dict[str, list[Path]] = {}
        for path in self.files:
            inside = path.relative_to(folder).with_suffix("").as_posix()
            for key in {inside, path.stem}:
                self._by_name.setdefault(key, []).append(path)

    def require(self, images: Mapping[str, str]) -> None:
        """See :meth:`Map.require`: each image has a file, and no other image has the same."""
        given: dict[Path, str] = {}
        missing = []
        for name in images.values():
            path = self._found(name)
            if path is None:
                missing.append(name)
            elif (other := given.get(path)) == name:
                raise DataError(
                    f"{path} would be the map of two images that are called {name}, of different "
                    "data sets; give the images of one of them other names."
                )
            elif other is not None:
                raise DataError(
                    f"{path} would be the map of {other} and of {name}; name maps like the images, "
                    "with their folders."
                )
            else:
                given[path] = name
        if len(missing) > 1:
            raise DataError(
                f"{self.folder} has no map for {len(missing)} of {len(images)} images: "
                f"{listed(missing)}; the map of {missing[0]} would be "
                f"{PurePosixPath(missing[0]).with_suffix('.png')} below the folder."
            )
        for name in missing:
            self.find(name)

    def make(self, image: Image, name: str) -> Pixels:
        """(H, W) uint8: the image's file, at the image's size.

        Raises:
            DataError: there is no file for the image, or several, or it is not grey and 8-bit.
        """
        path = self.find(name)
        values = _read(path)
        size = values.shape[::-1]
        height, width = image.shape[:2]
        # Squeezed or turned maps would teach nonsense; sizes may differ by rounding.
        if abs(size[0] * height - size[1] * width) > 0.02 * size[1] * width + size[0] + size[1]:
            raise DataError(
                f"the map {path} is {size[1]}x{size[0]} and its image has the aspect "
                f"{height}x{width}; maps have the aspect of their images."
            )
        return np.asarray(fitted(values * self._factor, image.shape), np.uint8)

    @cached_property
    def _factor(self) -> np.uint8:
        """1 for soft maps, 255 for masks; stops at the first file that a mask cannot be."""
        largest = 0
        for path in self.files:
            largest = max(largest, int(_read(path).max(initial=0)))
            if largest > _LEAST:
                return np.uint8(1)
        if largest <= 1:
            return np.uint8(255)
        raise DataError(
            f"the largest value in {self.folder} is {largest}; masks hold 0 and 1, and soft maps "
            "reach 255: scale them, or set every object to 1."
        )

    def find(self, name: str) -> Path:
        """The file of an image.

        Raises:
            DataError: there is none, or several.
        """
        found = self._found(name)
        if found is None:
            stem = PurePosixPath(name).with_suffix("")
            raise DataError(
                f"{self.folder} has no map for {name}: it would be {stem}.png below the folder."
            )
        return found

    def _found(self, name: str) -> Path | None:
        stem = PurePosixPath(name).with_suffix("")
        for start in range(len(stem.parts)):
            found = self._by_name.get("/".join(stem.parts[start:]), [])
            if len(found) == 1:
                return found[0]
            if found:
                raise DataError(
                    f"{self.folder} has {len(found)} maps for {name}: {found[0]}, {found[1]}; name "
                    "them like the images, with their folders."
                )
        return None


def _read(path: Path) -> Pixels:
    """(H, W) uint8."""
    try:
        with open_image(path) as picture:
            mode = picture.mode
            values = np.array(picture.convert("L") if mode == "1" else picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"the map {path} is damaged ({error}).") from None
    if mode not in ("1", "L") or values.dtype != np.uint8 or values.ndim != 2:
        raise DataError(f"the map {path} has mode {mode}; save it grey with 8 bits.")
    return np.asarray(values, np.uint8)
