"""The classes of a run, and what each data set calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagen.errors import short

_LONGEST = 4000
"""Most characters of one text; MLflow refuses longer tags."""


@dataclass(frozen=True)
class Classes:
    """The classes that a run segments.

    Attributes:
        names: names by id.
        background: whether id 0 is the background.
        data: by data set, the run's class for each name that the data set uses; None if its
            pixels are ignored. It is empty for a data set that names no classes.
    """

    names: tuple[str, ...]
    background: bool
    data: Mapping[str, Mapping[str, str | None]]

    def to_dict(self) -> dict[str, Any]:
        """The classes as plain values, as in ``result.json``."""
        return {
            "ids": {str(value): name for value, name in enumerate(self.names)},
            "background": self.names[0] if self.background else None,
            "data": {name: dict(found) for name, found in self.data.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Classes:
        """The inverse of :meth:`to_dict`.

        Raises:
            KeyError: something is missing.
        """
        ids: dict[str, str] = values["ids"]
        names = tuple(ids[key] for key in sorted(ids, key=int))
        return cls(names, values["background"] is not None, values["data"])

    def tags(self, roles: Mapping[str, str]) -> dict[str, str]:
        """The classes as short texts by name.

        Args:
            roles: role of data sets in the run, such as ``target``.
        """
        told = {
            "classes": ", ".join(f"{value} {name}" for value, name in enumerate(self.names)),
            "classes.background": self.names[0] if self.background else "none",
        }
        for name, found in self.data.items():
            if found:
                pairs = (f"{own}: {met or 'ignored'}" for own, met in found.items())
                told[f"classes.{roles.get(name, name)}"] = ", ".join(pairs)
        return {name: short(text, _LONGEST) for name, text in told.items()}
