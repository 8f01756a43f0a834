"""The key ``splits`` of a ``dagen.toml``: which images belong to a split."""

from __future__ import annotations

from itertools import combinations
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from dagen.datasets.reading.paths import lexically_inside
from dagen.errors import quoted

FILE = "dagen.toml"
"""The file's name."""

SPLITS = ("train", "val", "test")


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
