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

    [[row]]
    name = "advent"
    method = "advent"
    search.advent.weight = [0.001, 0.01]  # tried with one seed; a validator chooses
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.benchmarking import axes, keys
from dagen.benchmarking.cells import Benchmark, Cell
from dagen.benchmarking.deployed.asked import read as deployment
from dagen.benchmarking.expansion import TABLES, expand
from dagen.benchmarking.search import choosing
from dagen.benchmarking.search import rows as searching
from dagen.datasets.maps.teachers.known import known
from dagen.errors import UsageError, quoted, short, unknown
from dagen.runs.config import Config
from dagen.runs.reading import read_toml
from dagen.runs.values import names
from dagen.types import Task

_SETTINGS = tuple(f.name for f in fields(Config) if f.name != "recipe")
_NAMES = ("src", "tgt", "model", "task", "select", "init")
_Table = dict[str, Any]
_SHIPPED = Path(__file__).parent
FOLDER = Path("benchmarks")
"""Folder below the working folder where names without ``.toml`` are looked up before dagen's."""


def find(name: str) -> tuple[Path, Path]:
    """The file behind a name or path, and the folder for its results.

    Args:
        name: a path that ends with ``.toml``, or the stem of a file in ``benchmarks/`` (or in a
            folder there, such as ``study/losses``) or of one that comes with dagen, such as
            ``baselines``.

    Returns:
        The file, and ``results/`` beside it; for a file that comes with dagen
        ``benchmarks/results/``.

    Raises:
        UsageError: there is no such file, or it is a folder of several.
    """
    if name.endswith(".toml"):
        return Path(name), Path(name).parent / "results"
    if (file := FOLDER / f"{name}.toml").is_file():
        return file, file.parent / "results"
    if inside := _inside(name):
        raise UsageError(
            f"'{name}' is a folder of {len(inside)} benchmarks; name one of them, such as "
            f"{name}/{inside[0].stem}."
        )
    shipped = {file.stem: file for file in _SHIPPED.glob("*.toml")}
    if name not in shipped:
        nested = {str(f.relative_to(FOLDER).with_suffix("")) for f in FOLDER.glob("*/*.toml")}
        raise unknown(
            "benchmark", name, {*shipped, *nested, *(f.stem for f in FOLDER.glob("*.toml"))}
        )
    return shipped[name], FOLDER / "results"


def find_all(name: str) -> list[tuple[Path, Path]]:
    """Like :func:`find`; the name of a folder in ``benchmarks/`` stands for all of its files.

    Raises:
        UsageError: there is no such file or folder.
    """
    inside = [] if (FOLDER / f"{name}.toml").is_file() else _inside(name)
    return [(file, file.parent / "results") for file in inside] or [find(name)]


def _inside(name: str) -> list[Path]:
    """The benchmarks in a folder of ``benchmarks/``."""
    return sorted((FOLDER / name).glob("*.toml")) if name.strip(".") else []


def load(file: Path) -> Benchmark:
    """The benchmark that a file describes.

    Raises:
        UsageError: a file that is missing or not TOML, an unknown key, an axis without values, a
            row without a name or with another row's name, or settings that cannot be run.
    """
    values = read_toml(file)
    for key in values:
        if key in _SETTINGS or key in _tables_of_settings():
            raise UsageError(
                f"{short(file, 200)}: {key} is a setting of runs; write it below [base], or as "
                f"[base.{key}] if it is a table."
            )
        if key not in keys.FILE:
            raise UsageError(f"{short(file, 200)}: {unknown('key', key, keys.FILE)}")
    base, grid, rows = _tables(file, values)
    try:
        choose = choosing.check(values.get("choose", choosing.CHOOSE))
        deploy = deployment(values.get("deploy"))
        rows = searching.expanded(rows)
        cells = tuple(expand(base, grid, rows))
        searching.check_judged(cells)
    except UsageError as error:
        raise UsageError(f"{file}, {error}") from None
    title, note = (str(values.get(key, "")).strip() for key in ("title", "note"))
    return Benchmark(
        name=file.stem,
        title=title or file.stem,
        note=note,
        rows=tuple(rows),
        cells=cells,
        references=_references(file, values.get("references", []), cells),
        choose=choose,
        deploy=deploy,
        breakdown=_breakdown(file, values.get("breakdown", False)),
        columns=tuple(_columns(file, values)),
        command=_command(file),
    )


def _breakdown(file: Path, given: object) -> bool:
    if not isinstance(given, bool):
        raise UsageError(f"{file}: breakdown is {quoted(given)}; write true or false.")
    return given


def _references(file: Path, given: object, cells: Sequence[Cell]) -> tuple[str, ...]:
    """The names of known teachers, each once; some cell has the table that they join."""
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise UsageError(
            f"{file}: references is {quoted(given)}; give a list of known teachers, such as "
            '["u2netp"].'
        )
    joined = any(cell.config.task == Task.BINARY.name and cell.target for cell in cells)
    if given and not joined:
        raise UsageError(
            f"{file}: references is {quoted(given)}, and they are scored under the task binary on "
            "a target, which no row has; remove references, or give a target."
        )
    try:
        return tuple(known(name).name for name in dict.fromkeys(given))
    except UsageError as error:
        raise UsageError(f"{file}, references: {error}") from None


def _columns(file: Path, values: _Table) -> list[str]:
    columns = values.get("columns", [])
    if not isinstance(columns, list) or not all(isinstance(one, str) for one in columns):
        raise UsageError(
            f"{file}: columns is {quoted(columns)}; write a list of heads, as they stand in the "
            "tables."
        )
    return columns


def _command(file: Path) -> str:
    """The command that runs the file again; it names no folder of this machine."""
    for folder, pattern in ((FOLDER, "*.toml"), (FOLDER, "*/*.toml"), (_SHIPPED, "*.toml")):
        for one in folder.glob(pattern):
            if one.resolve() == file.resolve():
                return f"dagen benchmark {one.relative_to(folder).with_suffix('')}"
    return f"dagen benchmark {file.name if file.is_absolute() else file}"


def _tables(file: Path, values: _Table) -> tuple[_Table, dict[str, list[Any]], dict[str, _Table]]:
    """``[base]``, ``[grid]`` and the rows by name, with their shapes checked."""
    base, grid, rows = values.get("base", {}), values.get("grid", {}), values.get("row", [])
    for name, table in (("base", base), ("grid", grid)):
        if not isinstance(table, dict):
            raise UsageError(f"{file}: {name} must be a table, [{name}].")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise UsageError(f"{file} has no [[row]]; give at least one, with a name.")
    grid = axes.flat(grid)
    for axis, points in grid.items():
        if axis.partition(".")[0] not in (_tables_of_settings() if "." in axis else _SETTINGS):
            raise UsageError(f"{file}, [grid]: {unknown('axis', axis, _SETTINGS)}")
        if not isinstance(points, list) or not points:
            raise UsageError(f"{file}, [grid]: {axis} is {quoted(points)}; give a list of values.")
        for point in points:
            _check_kinds(file, "[grid]", {axis: point})
        if axes.named(base, [axis]):
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
        _check_kinds(file, f"row '{short(name)}'", axes.without(named[name], grid))
    return base, grid, named


def _tables_of_settings() -> set[str]:
    """The names before the dot of an axis: settings that are tables, and strategies."""
    return {*TABLES, *plugins.names("methods")}


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
