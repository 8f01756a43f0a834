"""Teachers that are known by name: what they are, and where their files are.

``known.toml`` holds them as data. A file is looked for in ``$DAGEN_TEACHERS`` and in
``~/.cache/dagen/teachers``, and is used only if its size and SHA-256 are the known ones.
"""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dagen.datasets.maps.teachers.preparation import Preparation, declared
from dagen.datasets.upkeep.download import occupied
from dagen.datasets.upkeep.fetch import BrokenError, Fetcher, Patience, RefusedError, Room
from dagen.errors import DagenError, DataError, unknown
from dagen.system.files import make_folder

VARIABLE = "DAGEN_TEACHERS"
"""The environment variable that names a folder of teachers' files."""


@dataclass(frozen=True)
class Known:
    """One known teacher.

    Attributes:
        name: its name in ``teacher.maps``.
        title: what it is.
        file: name of its file.
        address: where the file can be fetched.
        bytes: size of the file.
        sha256: SHA-256 of the file, hexadecimal.
        licence: terms of the file.
        paper: short reference.
        trained_on: the images that it was trained on.
        parameters: number of its parameters, rounded.
        gmac: billions of multiply-adds for one image, as published.
        preparation: how an image becomes its input.
    """

    name: str
    title: str
    file: str
    address: str
    bytes: int
    sha256: str
    licence: str
    paper: str
    trained_on: str
    parameters: int
    gmac: float
    preparation: Preparation

    @property
    def data(self) -> str:
        """The name alone of what it was trained on, such as ``DUTS-TR``."""
        return self.trained_on.partition(":")[0]


@cache
def all_known() -> dict[str, Known]:
    """Every known teacher by its name."""
    text = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
    found: dict[str, Known] = {}
    for name, values in tomllib.loads(text).items():
        plain: dict[str, Any] = dict(values)
        preparation = declared(plain.pop("input"), f"{name}.input")
        found[name] = Known(name=name, preparation=preparation, **plain)
    return found


def known(name: str) -> Known:
    """A known teacher.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in all_known():
        raise unknown("teacher", name, all_known())
    return all_known()[name]


def folders() -> list[Path]:
    """The folders in which files of known teachers are looked for; the first takes new ones."""
    given = os.environ.get(VARIABLE)
    own = [Path(given).expanduser()] if given else []
    return [*own, Path("~/.cache/dagen/teachers").expanduser()]


def find(teacher: Known) -> Path | None:
    """The teacher's file on this machine; None if there is none. Its content is not checked."""
    return next((f / teacher.file for f in folders() if (f / teacher.file).is_file()), None)


def content(teacher: Known) -> bytes:
    """The content of the teacher's file, checked.

    Raises:
        DataError: it is missing, unreadable or not the known file.
    """
    path = find(teacher)
    if path is None:
        raise DataError(
            f"the teacher '{teacher.name}' is not on this machine: run `dagen teacher get "
            f"{teacher.name}`, or set {VARIABLE} to the folder that holds {teacher.file}."
        )
    return _checked(teacher, path)


def _checked(teacher: Known, path: Path) -> bytes:
    try:
        found = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).") from None
    digest = hashlib.sha256(found).hexdigest()
    if (len(found), digest) != (teacher.bytes, teacher.sha256):
        raise DataError(
            f"{path} is not the known file of '{teacher.name}': it has {len(found):,} bytes and "
            f"SHA-256 {digest[:12]}..., not {teacher.bytes:,} and {teacher.sha256[:12]}...; delete "
            f"it and run `dagen teacher get {teacher.name}`."
        )
    return found


def get(
    teacher: Known,
    patience: Patience | None = None,
    address: str | None = None,
    on_bytes: Callable[[int], None] = lambda done: None,
) -> Path:
    """Fetch a teacher's file, or find it; its size and digest are checked.

    Args:
        teacher: the teacher.
        patience: limits of retries; None is the default.
        address: another address of the same file.
        on_bytes: called once with the file's size.

    Returns:
        The file.

    Raises:
        UsageError: the package httpx is not installed.
        DataError: the file cannot be fetched, or is not the known one.
        DagenError: the folder cannot be made.
    """
    if (present := find(teacher)) is not None:
        _checked(teacher, present)
        return present
    path = make_folder(folders()[0]) / teacher.file
    part = path.with_name(f"{path.name}.part")

    def check() -> None:
        try:
            _checked(teacher, part)
        except DataError as error:
            raise RefusedError(str(error)) from None

    where = address or teacher.address
    try:
        # Failed attempts count too.
        room = Room(teacher.bytes, 10 * teacher.bytes)
        with occupied(path), Fetcher(patience or Patience(), room) as fetcher:
            fetcher.fetch(where, part, check)
    except (RefusedError, BrokenError) as error:
        raise DataError(
            f"{where} did not give '{teacher.name}' ({error}). By hand: save the file as {path}."
        ) from None
    try:
        os.replace(part, path)
    except OSError as error:
        raise DagenError(f"{path} cannot be written ({error.strerror}).") from None
    on_bytes(teacher.bytes)
    return path
