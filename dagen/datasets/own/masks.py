"""A folder of images and masks with a ``dagen.toml``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dagen.datasets.base import Label
from dagen.datasets.own import declaration, patterns
from dagen.datasets.own.classes import colours_of_masks, guesses, meaning, own_task
from dagen.datasets.own.declaration import FILE, SPLITS, Declaration
from dagen.datasets.own.unread import unread_annotations
from dagen.datasets.reading.class_names import id_of, require_common
from dagen.datasets.reading.colour_masks import Colours
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.masks import MaskFolder, read_mask
from dagen.datasets.reading.paths import folded, inside, stamp
from dagen.errors import DataError
from dagen.types import IGNORE, Task


class OwnFolder(Files):
    """One split of a folder of images and masks."""

    splits: ClassVar[tuple[str, ...]] = SPLITS

    @classmethod
    def declares(cls, root: Path) -> Task | None:
        """See :meth:`Dataset.declares`."""
        declared = cls._declaration_of(root)
        if not declared.by_id:
            return None
        return own_task(declared.by_id.values(), declared, root)

    @classmethod
    def meanings(cls, root: Path, task: Task) -> Mapping[str, str]:
        """See :meth:`Dataset.meanings`: the names that ``dagen.toml`` declares."""
        declared = cls._declaration_of(root)
        return {name: meaning(name, declared) for name in declared.by_id.values()}

    @classmethod
    def _declaration_of(cls, root: Path) -> Declaration:
        """What is where: read from ``dagen.toml``, or fixed for a data set of known layout."""
        return declaration.read(root)

    @classmethod
    def remarks(cls, root: Path) -> Iterator[str]:
        """What a check says about the whole folder: guesses, masks and files that are not read.

        Args:
            root: the data set's folder.
        """
        declared = cls._declaration_of(root)
        yield from guesses(declared, root)
        if "masks" in declared.model_fields_set:
            places = {patterns.pattern(declared.masks, declared, split) for split in SPLITS}
            if not any(patterns.below(root, place) for place in places):
                yield (
                    f"{root / FILE} says that masks are in {declared.masks}, and no picture is "
                    "there: correct it; without masks, nothing is scored or learnt from labels."
                )
        yield from unread_annotations(root)

    @cached_property
    def _declared(self) -> Declaration:
        return self._declaration_of(self.root)

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
        return [index for index, name in enumerate(self._names) if self._has_mask(name)]

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
        alike = self._spellings.get(folded(usual), [])
        if len(alike) > 1:
            raise DataError(
                f"the image {image} has {len(alike)} masks in {self.root} ({', '.join(alike)}): "
                "keep one."
            )
        return self.root / (alike or [usual])[0]

    @cached_property
    def _spellings(self) -> dict[str, list[str]]:
        """The pictures where masks are, by one spelling for all of a name."""
        found: dict[str, list[str]] = {}
        for path in patterns.below(self.root, self._masks):
            found.setdefault(folded(path), []).append(path)
        return found

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

    @cached_property
    def _table(self) -> Label:
        """The task's id for each id of a mask.

        Raises:
            DataError: no class is declared, or none is one of the task's.
        """
        declared = self._declared
        if not declared.by_id:
            raise DataError(
                f"{self.root / FILE} declares no classes, but there are masks: add their names in "
                'the order of their ids, such as classes = ["background", "can"], or the colour of '
                'each, such as colours = {background = "#000000", can = "#FF0000"}.'
            )
        own = own_task(declared.by_id.values(), declared, self.root)
        if self.task == Task.BINARY and not own.background:
            raise DataError(
                f"{self.root / FILE} has no background, which the task 'binary' needs: say which "
                f'class it is, such as background = "{own.classes[0]}".'
            )
        require_common(own.classes, self.task, str(self.root))
        table = np.full(256, IGNORE, np.uint8)
        for value, name in declared.by_id.items():
            table[value] = id_of(meaning(name, declared), self.task)
        table[[each for each in declared.ignore if isinstance(each, int)]] = IGNORE
        return table

    @cached_property
    def _colours(self) -> Colours:
        return colours_of_masks(self._declared, self.root)

    @property
    def _meaning(self) -> str:
        return repr(self._declared)

    def _label_file(self, index: int) -> Path:
        return self._mask(index)

    def label_remarks(self) -> Iterable[str]:
        """Says before training which names of classes are guessed."""
        return guesses(self._declared, self.root) if self.split == "train" else ()

    def label_key(self, index: int) -> str:
        """Path, size and modification time of the mask; the meaning of its ids and colours."""
        key = f"{stamp(self._mask(index))}|{self._table.tobytes().hex()}|{self.task.key}"
        return f"{key}|{self._colours}" if self._colours.ids else key

    def label(self, index: int) -> Label:
        """(H, W) uint8 ids of the task; see :meth:`Dataset.label`."""
        table = self._table
        ignored = [each for each in self._declared.ignore if isinstance(each, int)]
        allowed = [*self._declared.by_id, *ignored]
        mask = read_mask(self._mask(index), allowed, self.size(index), self._colours)
        return table[mask]
