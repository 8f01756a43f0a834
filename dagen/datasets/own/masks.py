"""A folder of images and masks with a ``dagen.toml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

from dagen.datasets.base import Label
from dagen.datasets.own import patterns
from dagen.datasets.own.declaration import FILE, SPLITS
from dagen.datasets.own.meanings import OwnMasks
from dagen.datasets.own.unread import unread_annotations
from dagen.datasets.reading.masks import MaskFolder
from dagen.datasets.reading.names import NamesByKey, positions
from dagen.datasets.reading.paths import folded, inside, stamp
from dagen.errors import DataError


class OwnFolder(OwnMasks):
    """One split of a folder of images and masks."""

    @classmethod
    def remarks(cls, root: Path) -> Iterator[str]:
        """What a check says about the whole folder: guesses, masks and files that are not read.

        Args:
            root: the data set's folder.
        """
        yield from super().remarks(root)
        declared = cls._declaration_of(root)
        if "masks" in declared.model_fields_set:
            places = {patterns.pattern(declared.masks, declared, split) for split in SPLITS}
            if not any(patterns.below(root, place) for place in places):
                yield (
                    f"{root / FILE} says that masks are in {declared.masks}, and no picture is "
                    "there: correct it; without masks, nothing is scored or learnt from labels."
                )
        yield from unread_annotations(root)

    @cached_property
    def _images(self) -> patterns.Pattern:
        return patterns.pattern(self._declared.images, self._declared, self.split)

    @cached_property
    def _masks(self) -> patterns.Pattern:
        return patterns.pattern(self._declared.masks, self._declared, self.split)

    def _listing(self) -> Iterable[str]:
        found = patterns.files_of(self.root, self._images)
        known = {*found}
        found = [name for name in found if not self._is_mask(name, known)]
        chosen = patterns.chosen(found, self._declared, self.root, self.split, self._faults)
        if patterns.undivided(self._declared) and self.split == "train" and not self._masked(found):
            chosen = found  # without labels nothing can be scored, so nothing is held back
        stems = Counter(self._images.name_of(name) for name in chosen)
        if twice := sorted(str(stem) for stem, count in stems.items() if count > 1):
            self._faults.append(
                f"{self.root / self._images.folder} has images that would share one mask "
                f"({', '.join(twice[:5])} with two endings): rename one of each."
            )
        return chosen

    def _layout(self) -> str:
        where = f"{self.root / FILE} says that images are in {self._images.text}"
        if not (self.root / self._images.folder).is_dir():
            return f"{where}, and there is no such folder: make it, or correct images."
        found = patterns.files_of(self.root, self._images)
        if not (found and patterns.undivided(self._declared)):
            return f"{where}."
        held = "splits = {val = 0.2}"
        if self._masked(found):
            return (
                f"{where}, and not which of the {len(found)} are for scoring; add the line {held}, "
                "which holds back a fifth."
            )
        return (
            f"{where}. There are no masks and no splits, so all {len(found)} are for training; "
            f"the line {held} would hold back a fifth."
        )

    def _is_mask(self, path: str, known: Collection[str]) -> bool:
        """Whether a picture in the folder of images is a mask."""
        if not self._masks.names_files:
            inner = f"{self._images.folder}/" if self._images.folder != "." else ""
            below = f"{self._masks.folder}/"
            return below.startswith(inner) and below not in (inner, "./") and path.startswith(below)
        owner = self._masks.name_of(path)
        if owner is None or not self._images.names_files:
            return owner is not None
        return path != self._images.path_of(owner) in known

    def _masked(self, found: Iterable[str]) -> bool:
        """Whether any of these images has a mask."""
        return any(map(self._has_mask, found))

    def _has_mask(self, image: str) -> bool:
        try:
            return self._mask_of(image).is_file()
        except DataError:  # several could be it: said when it is read
            return True

    def _path(self, index: int) -> Path:
        return inside(self.root, self._names[index], str(self.root / FILE))

    @property
    def _folder(self) -> Path:
        return self.root / self._images.folder

    @property
    def has_labels(self) -> bool:
        """Whether any mask of the split exists."""
        return bool(self.labelled)

    @cached_property
    def labelled(self) -> Sequence[int]:
        """Positions of the images whose mask exists."""
        return positions(map(self._has_mask, self._names), len(self))

    @cached_property
    def _mask_folder(self) -> MaskFolder:
        return MaskFolder(self.root / self._masks.folder)

    def _mask(self, index: int) -> Path:
        return self._mask_of(self._names[index])

    def _mask_of(self, image: str) -> Path:
        """The mask of an image, which need not exist; see :meth:`MaskFolder.mask_of`."""
        if not self._masks.names_files:
            return self._mask_folder.mask_of(image.removeprefix(f"{self._images.folder}/"))
        name = self._images.name_of(image)
        assert name is not None
        usual = self._masks.path_of(name)
        if (self.root / usual).is_file():
            return self.root / usual
        alike = self._spellings[folded(usual)]
        if len(alike) > 1:
            raise DataError(
                f"the image {image} has {len(alike)} masks in {self.root} ({', '.join(alike)}): "
                "keep one."
            )
        return self.root / (alike or [usual])[0]

    @cached_property
    def _spellings(self) -> NamesByKey:
        """The pictures where masks are, by one spelling for all of a name."""
        return NamesByKey(patterns.below(self.root, self._masks), folded)

    def audit(self) -> Iterator[tuple[str, str]]:
        """Pictures that are not read, and pictures where masks are of which none is a mask."""
        yield from super().audit()
        images = patterns.files_of(self.root, self._images)
        others = sorted({*patterns.below(self.root, self._masks)} - {*images})
        if others and not self._masked(images):
            yield (
                self._masks.text,
                f"is the mask of no image, but there are {len(others)} pictures, such as "
                f"{others[0]}: correct masks in {FILE}, such as "
                f'masks = "{self._masks.folder}/{{name}}_mask.png".',
            )

    def _label_file(self, index: int) -> Path:
        return self._mask(index)

    def label_key(self, index: int) -> str:
        """Path, size and modification time of the mask; the meaning of its ids and colours."""
        return self._key_of(stamp(self._mask(index)))

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        return self._table[self._ids_of(self._mask(index), self.size(index))]
