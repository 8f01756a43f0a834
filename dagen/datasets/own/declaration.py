"""The file ``dagen.toml``, checked."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from dagen.colours import Colour
from dagen.datasets.reading.class_names import class_key
from dagen.datasets.reading.paths import lexically_inside
from dagen.errors import DataError, quoted, unknown
from dagen.parameters import complaint
from dagen.system.toml import read_toml

FILE = "dagen.toml"
SPLITS = ("train", "val", "test")

_HEX = re.compile("#[0-9a-fA-F]{6}")


class Splits(BaseModel):
    """Which images belong to a split.

    Attributes:
        train: the word in place of ``{split}``, a text file with one name a line (``*.txt``), or
            the names themselves. The same for ``val`` and ``test``, which may also be a share of
            the images that no list names. Without a list for training, the others are for training.
        seed: seed of the draw of shares.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    train: str | list[str] | None = None
    val: str | list[str] | float | None = None
    test: str | list[str] | float | None = None
    seed: int = 0

    def of(self, split: str) -> str | list[str] | float | None:
        """The entry of one split."""
        found: str | list[str] | float | None = getattr(self, split)
        return found

    @property
    def told(self) -> bool:
        """Whether any split has an entry."""
        return any(self.of(split) is not None for split in SPLITS)

    @property
    def shares(self) -> dict[str, float]:
        """The shares by split."""
        given = {split: self.of(split) for split in SPLITS}
        return {split: share for split, share in given.items() if isinstance(share, float)}

    @property
    def words(self) -> dict[str, str]:
        """The words in place of ``{split}`` by split."""
        given = {split: self.of(split) for split in SPLITS}
        return {k: v for k, v in given.items() if isinstance(v, str) and not v.endswith(".txt")}

    @field_validator("train", "val", "test", mode="before")
    @classmethod
    def _kind(cls, entry: object, field: ValidationInfo) -> object:
        shared = field.field_name != "train"
        if isinstance(entry, str):
            if not lexically_inside(entry):
                raise ValueError(f"{quoted(entry)} is not a path below the folder of {FILE}")
            return PurePosixPath(entry).as_posix()
        names = isinstance(entry, list) and all(isinstance(each, str) for each in entry)
        if not (names or (shared and isinstance(entry, float) and 0 < entry < 1)):
            raise ValueError(
                "give a word for {split}, a list of names, or a text file (*.txt)"
                f"{', or a share between 0 and 1' if shared else ''}"
            )
        return entry

    @model_validator(mode="after")
    def _fit(self) -> Splits:
        if sum(self.shares.values()) >= 1:
            raise ValueError("shares of val and test must leave images for training")
        # Folders have the names of splits, unless words are given; few sets have a test split.
        own = {split: split for split in ("train", "val") if self.of(split) is None}
        for (one, word), (other, same) in combinations((own | self.words).items(), 2):
            if f"{word}/".startswith(f"{same}/") or f"{same}/".startswith(f"{word}/"):
                raise ValueError(
                    f"{one} is {quoted(word)} and {other} is {quoted(same)}, so both would have "
                    "the same images: give each split its own"
                )
        return self


class Declaration(BaseModel):
    """The content of a ``dagen.toml``.

    Attributes:
        kind: ``folder`` (images and index masks) or ``coco`` (images and annotation files).
        images: where images are, with ``{split}`` and ``{name}``.
        masks: where masks are; ``folder`` only.
        annotations: the annotation file; ``coco`` only.
        classes: class names in the order of their ids.
        ids: class names by the ids in masks, instead of ``classes``.
        background: the class that is the background, if it has another name.
        colours: ``#RRGGBB`` by class name: the colours in pictures, and the meaning of masks that
            have a colour for each class. Without ``classes`` and ``ids`` all masks of a ``folder``
            are such, and the classes are those named here.
        ignore: ids of masks or of categories, or names of classes, that are ignored.
        splits: see :class:`Splits`.
        map: new names of classes; two of one name are merged.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: Literal["folder", "coco"]
    images: str = "images/{split}"
    masks: str = "masks/{split}"
    annotations: str = "annotations/{split}.json"
    classes: list[str] | None = None
    ids: dict[str, str] | None = None
    background: str | None = None
    colours: dict[str, str] = Field(default_factory=dict)
    ignore: list[int | str] = Field(default_factory=list)
    splits: Splits = Splits()
    map: dict[str, str] = Field(default_factory=dict)

    @field_validator("images", "masks", "annotations")
    @classmethod
    def _below(cls, pattern: str) -> str:
        pattern = PurePosixPath(pattern).as_posix() if pattern else pattern  # "./a//" is "a"
        if pattern != "." and not lexically_inside(pattern):
            raise ValueError(
                f"'{pattern}' is not a relative path below the folder of {FILE}; put {FILE} into a "
                "folder that holds all files"
            )
        return pattern

    @field_validator("ids")
    @classmethod
    def _whole(cls, ids: dict[str, str] | None) -> dict[str, str] | None:
        known: dict[int, str] = {}
        for key in ids or ():
            if not (key.isascii() and key.isdecimal() and int(key) < 256):
                raise ValueError(f"'{key}' is not a whole number from 0 to 255")
            if known.setdefault(int(key), key) != key:
                raise ValueError(f"'{known[int(key)]}' and '{key}' are one id: name it once")
        return ids

    @field_validator("colours")
    @classmethod
    def _hex(cls, colours: dict[str, str]) -> dict[str, str]:
        for name, colour in colours.items():
            if not _HEX.fullmatch(colour):
                raise ValueError(f"{name} is '{colour}'; write #RRGGBB, such as #D55E00")
        return colours

    @field_validator("ignore")
    @classmethod
    def _in_masks(cls, ignore: list[int | str], known: ValidationInfo) -> list[int | str]:
        for each in ignore:
            if known.data.get("kind") == "folder" and isinstance(each, int) and not 0 <= each < 256:
                raise ValueError(f"{each} is no id of a mask; these are 0 to 255")
        return ignore

    @model_validator(mode="after")
    def _once(self) -> Declaration:
        if self.classes is not None and self.ids is not None:
            raise ValueError("give classes or ids, not both")
        if self.kind == "coco" and (self.classes or self.ids):
            raise ValueError("the categories of a COCO file are its classes; leave out classes")
        if self.kind == "folder" and len(self.classes or ()) > 256:
            raise ValueError(
                f"ids of masks are 0 to 255, and classes has {len(self.classes or ())}"
            )
        return self

    @model_validator(mode="after")
    def _place_words(self) -> Declaration:
        told = self.images + (self.annotations if self.kind == "coco" else "")
        for split, word in self.splits.words.items():
            if "{split}" not in told:
                raise ValueError(
                    f"splits.{split} is {quoted(word)}, a word for {{split}}, which is not in "
                    "images: write it there, or give a share (0.2), a list, or a text file (*.txt)"
                )
        return self

    @property
    def by_colour(self) -> bool:
        """Whether colours alone say what masks mean."""
        named = self.classes is not None or self.ids is not None
        return self.kind == "folder" and bool(self.colours) and not named

    @property
    def by_id(self) -> dict[int, str]:
        """The declared names by the ids in masks."""
        if self.by_colour:
            return dict(enumerate(self.colours))
        if self.ids is not None:
            return {int(key): name for key, name in self.ids.items()}
        return dict(enumerate(self.classes or ()))

    def colour(self, *names: str) -> Colour | None:
        """The declared colour of a class under the first of ``names`` that has one."""
        alike = {class_key(name): colour for name, colour in self.colours.items()}
        for name in names:
            if found := self.colours.get(name) or alike.get(class_key(name)):
                return int(found[1:3], 16), int(found[3:5], 16), int(found[5:7], 16)
        return None


def read(root: Path) -> Declaration:
    """The declaration in a folder.

    Raises:
        DataError: it is missing, unreadable, or wrong; the line names the file and the key.
    """
    path = root / FILE
    try:
        values = read_toml(path)
    except FileNotFoundError:
        raise DataError(
            f"{root} has no {FILE}: `dagen data new {root}` looks at the folder and writes one."
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    splits = values.get("splits")
    wrong = [
        *_unknown_keys(values, Declaration),
        *(_unknown_keys(splits, Splits) if isinstance(splits, dict) else ()),
    ]
    try:
        found = Declaration.model_validate(values)
    except ValidationError as error:
        others = (each for each in error.errors() if each["type"] != "extra_forbidden")
        wrong += [f"{complaint(each)}." for each in others]
    if wrong:
        raise DataError(f"{path}: {' '.join(wrong)}")
    return found


def _unknown_keys(values: dict[str, Any], model: type[BaseModel]) -> list[str]:
    known = model.model_fields
    return [str(unknown("key", key, known)) for key in values if key not in known]
