"""Opens kinds of maps by what a user wrote: a known teacher, a file, a folder, or a plug-in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.datasets.maps.base import Map
from dagen.datasets.maps.teachers import known, preparation
from dagen.datasets.maps.teachers.folder import FolderMap
from dagen.datasets.maps.teachers.onnx_file import OnnxMap, read
from dagen.errors import DataError, UsageError, unknown


def open_map(name: str, prepared: Mapping[str, Any] | None = None) -> Map:
    """A kind of map by its name.

    Args:
        name: a known teacher (``u2netp``), a kind of map (``salience``), an ONNX file, or a folder
            with one map per image.
        prepared: keys of :class:`~dagen.datasets.maps.teachers.preparation.Preparation`, which
            replace what the TOML file beside an ONNX file says.

    Raises:
        UsageError: there is nothing of that name, or a declaration is missing or wrong.
        DataError: the file is missing or not the known one, or the folder holds no map.
    """
    if name in plugins.names("maps"):
        kind: Map = plugins.get("maps", name)()
        return kind
    if name in known.all_known():
        teacher = known.known(name)
        return OnnxMap(known.content(teacher), name, teacher.preparation)
    path = Path(name).expanduser()
    if path.suffix.lower() == ".onnx":
        return _onnx(path, prepared or {})
    if path.is_dir():
        return FolderMap(path)
    if "/" in name or path.exists():
        raise DataError(
            f"the teacher {name} is neither a folder of maps nor an ONNX file; give one of them, "
            f"or one of: {', '.join(names())}."
        )
    raise unknown("teacher", name, names())


def names() -> list[str]:
    """The names that need no path."""
    return sorted({*plugins.names("maps"), *known.all_known()})


def _onnx(path: Path, prepared: Mapping[str, Any]) -> OnnxMap:
    content = read(path)
    declared = preparation.beside(path)
    if prepared:
        declared = preparation.declared(prepared, "teacher.input")
    if declared is None:
        raise UsageError(
            f"{path} needs a file {path.with_suffix('.toml').name} beside it that says how an "
            "image becomes its input, such as size = [320, 320], divide = 255, mean = [0.485, "
            "0.456, 0.406], std = [0.229, 0.224, 0.225]; or give teacher.input."
        )
    return OnnxMap(content, path.name, declared)
