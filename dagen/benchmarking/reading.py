"""Reads a benchmark's TOML file into cells: every row at every point of the grid.

::

    title = "What adapts a tiny network to litter?"
    references = ["u2netp"]     # known teachers, scored as they come, below the rows

    [base]                      # settings of all cells, as in a file for --config
    src = "resortit"
    tgt = "taco"
    steps = 1500
    photometric.strength = 0.8  # counts for the rows that hold this strategy

    [grid]                      # any setting can be an axis
    model = ["enet", "icnet"]
    seed = [0, 1, 2]

    [[row]]                     # settings that differ, under a name for the table
    name = "source-only"
    tgt = "none"                # is never shown the target, and is scored on it all the same

    [[row]]
    name = "source-free"
    method = "shot"
    init = "row:source-only"    # starts from what that row's cell has learned
    model = ["enet"]            # only at these points of the axis
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from dagen.benchmarking.cells import Benchmark
from dagen.benchmarking.expansion import expand
from dagen.datasets.maps.teachers.known import known
from dagen.errors import UsageError, quoted, short, unknown
from dagen.runs.config import Config
from dagen.runs.reading import read_toml
from dagen.runs.values import names

_KEYS = ("title", "note", "references", "base", "grid", "row")
_SETTINGS = tuple(f.name for f in fields(Config) if f.name != "recipe")
_NAMES = ("src", "tgt", "model", "task", "select", "init")
_Table = dict[str, Any]
FOLDER = Path("benchmarks")
"""Folder below the working folder where names without ``.toml`` are looked up before dagen's."""


def find(name: str) -> tuple[Path, Path]:
    """The file behind a name or path, and the folder for its results.

    Args:
        name: a path that ends with ``.toml``, or the stem of a file in ``benchmarks/`` or of
            one that comes with dagen, such as ``baselines``.

    Returns:
        The file, and ``results/`` beside it; for a file that comes with dagen
        ``benchmarks/results/``.

    Raises:
        UsageError: there is no such file.
    """
    if name.endswith(".toml"):
        return Path(name), Path(name).parent / "results"
    if (file := FOLDER / f"{name}.toml").is_file():
        return file, FOLDER / "results"
    shipped = {file.stem: file for file in Path(__file__).parent.glob("*.toml")}
    if name not in shipped:
        raise unknown("benchmark", name, {*shipped, *(f.stem for f in FOLDER.glob("*.toml"))})
    return shipped[name], FOLDER / "results"


def load(file: Path) -> Benchmark:
    """The benchmark that a file describes.

    Raises:
        UsageError: a file that is missing or not TOML, an unknown key, an axis without values, a
            row without a name or with another row's name, or settings that cannot be run.
    """
    values = read_toml(file)
    for key in values:
        if key not in _KEYS:
            raise UsageError(f"{short(file, 200)}: {unknown('key', key, _KEYS)}")
    base, grid, rows = _tables(file, values)
    try:
        cells = tuple(expand(base, grid, rows))
    except UsageError as error:
        raise UsageError(f"{file}, {error}") from None
    title, note = (str(values.get(key, "")).strip() for key in ("title", "note"))
    references = _references(file, values.get("references", []))
    return Benchmark(file.stem, title or file.stem, note, tuple(rows), cells, references)


def _references(file: Path, given: object) -> tuple[str, ...]:
    """The names of known teachers, each once."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UsageError(
            f"{file}: references is {quoted(given)}; give a list of known teachers, such as "
            '["u2netp"].'
        )
    try:
        return tuple(known(name).name for name in dict.fromkeys(given))
    except UsageError as error:
        raise UsageError(f"{file}, references: {error}") from None


def _tables(file: Path, values: _Table) -> tuple[_Table, dict[str, list[Any]], dict[str, _Table]]:
    """``[base]``, ``[grid]`` and the rows by name, with their shapes checked."""
    base, grid, rows = values.get("base", {}), values.get("grid", {}), values.get("row", [])
    for name, table in (("base", base), ("grid", grid)):
        if not isinstance(table, dict):
            raise UsageError(f"{file}: {name} must be a table, [{name}].")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise UsageError(f"{file} has no [[row]]; give at least one, with a name.")
    for axis, points in grid.items():
        if axis not in _SETTINGS:
            raise UsageError(f"{file}, [grid]: {unknown('axis', axis, _SETTINGS)}")
        if not isinstance(points, list) or not points:
            raise UsageError(f"{file}, [grid]: {axis} is {quoted(points)}; give a list of values.")
        for point in points:
            _check_kinds(file, "[grid]", {axis: point})
        if axis in base:
            raise UsageError(f"{file}: {axis} is in [base] and in [grid]; keep one of them.")
        if any(points.count(point) > 1 for point in points):
            raise UsageError(f"{file}, [grid]: {axis} is {quoted(points)}; name every value once.")
    _check_kinds(file, "[base]", base)
    named: dict[str, _Table] = {}
    for position, row in enumerate(rows, 1):
        name = row.get("name")
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f'{file}: row {position} has no name; give it one, name = "...".')
        if name in named:
            raise UsageError(f"{file}: two rows are called '{short(name)}'; rename one of them.")
        named[name] = {key: value for key, value in row.items() if key != "name"}
        # The values of an axis are compared with the axis instead.
        own = {key: value for key, value in named[name].items() if key not in grid}
        _check_kinds(file, f"row '{short(name)}'", own)
    return base, grid, named


def _check_kinds(file: Path, where: str, table: _Table) -> None:
    """Check the settings that expanding reads before the configuration is checked as a whole."""
    for key in table.keys() & set(_NAMES):
        if not isinstance(table[key], str):
            raise UsageError(f"{file}, {where}: {key} is {quoted(table[key])}; write a name.")
    for key in table.keys() & {"method", "score"}:
        try:
            names(key, table[key])
        except UsageError as error:
            raise UsageError(f"{file}, {where}: {error}") from None
