"""What the masks of a data set with a ``dagen.toml`` mean: its classes, ids and colours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from dagen.datasets.base import Label
from dagen.datasets.own import declaration
from dagen.datasets.own.classes import colours_of_masks, guesses, meaning, own_task
from dagen.datasets.own.declaration import FILE, SPLITS, Declaration
from dagen.datasets.reading.class_names import id_of, require_common
from dagen.datasets.reading.colour_masks import Colours
from dagen.datasets.reading.files import Files
from dagen.datasets.reading.masks import read_mask
from dagen.datasets.reading.packed import Picture
from dagen.errors import DataError
from dagen.types import IGNORE, Task


class OwnMasks(Files):
    """One split of images and masks whose ids or colours ``dagen.toml`` names."""

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
        """What a check says about the whole folder, a sentence each.

        Args:
            root: the data set's folder.
        """
        yield from guesses(cls._declaration_of(root), root)

    @cached_property
    def _declared(self) -> Declaration:
        return self._declaration_of(self.root)

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

    def label_remarks(self) -> Iterable[str]:
        """Says before training which names of classes are guessed."""
        return guesses(self._declared, self.root) if self.split == "train" else ()

    def _key_of(self, mask: str) -> str:
        """The key of a label, from that of its mask and the meaning of its ids and colours."""
        key = f"{mask}|{self._table.tobytes().hex()}|{self.task.key}"
        return f"{key}|{self._colours}" if self._colours.ids else key

    def _ids_of(self, mask: Picture, size: tuple[int, int]) -> Label:
        """(H, W) uint8, the ids of a mask as it holds them; see :func:`read_mask`."""
        ignored = [each for each in self._declared.ignore if isinstance(each, int)]
        allowed = [*self._declared.by_id, *ignored]
        return read_mask(mask, allowed, size, self._colours)
