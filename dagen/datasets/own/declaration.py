"""The file ``dagen.toml``, checked."""

from __future__ import annotations

import re
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
from dagen.datasets.own.splits import FILE, SPLITS, Splits
from dagen.datasets.reading.class_names import class_key
from dagen.datasets.reading.paths import lexically_inside
from dagen.datasets.shards import addresses
from dagen.errors import DataError, quoted, unknown
from dagen.parameters import complaint
from dagen.system.toml import read_toml

__all__ = ["FILE", "SPLITS", "Declaration", "Splits", "read"]

_HEX = re.compile("#[0-9a-fA-F]{6}")


class Declaration(BaseModel):
    """The content of a ``dagen.toml``.

    Attributes:
        kind: ``folder`` (images and index masks), ``coco`` (images and annotation files) or
            ``shards`` (tar files).
        images: where images are, with ``{split}`` and ``{name}``; of shards, how their names end.
        masks: where masks are; of shards, how their names end; not for ``coco``.
        annotations: the annotation file; ``coco`` only.
        shards: the tar files, with ``{split}`` and ``{000..099}``: paths, or addresses.
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

    kind: Literal["folder", "coco", "shards"]
    images: str = "images/{split}"
    masks: str = "masks/{split}"
    annotations: str = "annotations/{split}.json"
    # Not in the text by which finished runs know their data again.
    shards: str | None = Field(default=None, repr=False)
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

    @field_validator("shards")
    @classmethod
    def _tar(cls, shards: str | None) -> str | None:
        if shards is None:
            return None
        if addresses.is_address(shards):
            wrong = addresses.fault(shards)
        else:
            shards = PurePosixPath(shards).as_posix()
            wrong = None if lexically_inside(shards) else f"is no path below the folder of {FILE}"
        if wrong or not shards.endswith(".tar"):
            raise ValueError(f"{quoted(shards)} {wrong or 'does not end with .tar'}")
        return shards

    @model_validator(mode="after")
    def _of_shards(self) -> Declaration:
        if (self.kind == "shards") != (self.shards is not None):
            raise ValueError(
                'kind = "shards" and shards = "train-{000000..000099}.tar" go together'
            )
        if self.kind == "shards":
            for split in SPLITS:
                if self.splits.of(split) is not None and split not in self.splits.words:
                    raise ValueError(
                        f"splits.{split} must be a word for {{split}} in shards; a split has "
                        "shards of its own"
                    )
        return self

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
            if known.data.get("kind") != "coco" and isinstance(each, int) and not 0 <= each < 256:
                raise ValueError(f"{each} is no id of a mask; these are 0 to 255")
        return ignore

    @model_validator(mode="after")
    def _once(self) -> Declaration:
        if self.classes is not None and self.ids is not None:
            raise ValueError("give classes or ids, not both")
        if self.kind == "coco" and (self.classes or self.ids):
            raise ValueError("the categories of a COCO file are its classes; leave out classes")
        if self.kind != "coco" and len(self.classes or ()) > 256:
            raise ValueError(
                f"ids of masks are 0 to 255, and classes has {len(self.classes or ())}"
            )
        return self

    @model_validator(mode="after")
    def _place_words(self) -> Declaration:
        keys = {"folder": ["images"], "coco": ["images", "annotations"], "shards": ["shards"]}
        found = [getattr(self, key) or "" for key in keys[self.kind]]
        for split, word in self.splits.words.items():
            if "{split}" not in "".join(found):
                raise ValueError(
                    f"splits.{split} is {quoted(word)}, a word for {{split}}, which is not in "
                    f"{keys[self.kind][0]}: write it there, or give a share (0.2), a list, or a "
                    "text file (*.txt)"
                )
        return self

    @property
    def by_colour(self) -> bool:
        """Whether colours alone say what masks mean."""
        named = self.classes is not None or self.ids is not None
        return self.kind != "coco" and bool(self.colours) and not named

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
