"""Expands a grid into cells: a configuration for every row at every point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

from dagen import plugins
from dagen.benchmarking import axes
from dagen.benchmarking.cells import Cell
from dagen.errors import UsageError, listed, quoted, short, unknown
from dagen.runs import reading, recipes, results
from dagen.runs.config import Config
from dagen.runs.starts import is_start
from dagen.runs.values import names

NO_TARGET = "none"
"""Value of ``tgt`` in a row that never sees the target."""
_ROW = "row:"
# A row that pre-trains takes none of them.
_OF_SCORES = ("score", "empty", "candidates", "select", "loss", "source_labels")
TABLES = ("model_options", "loss")
"""Settings that may be tables; an axis may be one of their names, and rows add to them."""
_NAMED = ("model", "task", "seed", "src", "tgt")  # axes that all tables have
_Table = dict[str, Any]
_Grid = dict[str, list[Any]]


def expand(base: _Table, grid: _Grid, rows: dict[str, _Table]) -> Iterator[Cell]:
    """The cells, seed by seed, each after the cell that it starts from.

    Args:
        base: settings of all cells.
        grid: values by axis; an axis is a setting, or ``table.name`` for one in a table.
        rows: settings that differ, by the row's name.

    Raises:
        UsageError: settings that cannot be run; the message names the row.
    """
    points = {"seed": [base.get("seed", Config.seed)], **grid}
    # Seeds vary slowest, so that a stopped benchmark has complete tables with fewer seeds.
    order = sorted(points, key=lambda axis: axis != "seed")
    for values in product(*(points[axis] for axis in order)):
        point = _Point(base, grid, rows, dict(zip(order, values, strict=True)))
        for name in rows:
            try:
                point.add(name)
            except UsageError as error:
                raise UsageError(f"row '{short(name)}': {error}") from None
        yield from point.cells.values()


class _Point:
    """All rows at one point of the grid.

    Attributes:
        cells: cells by row, each after the cell that it starts from.
    """

    def __init__(self, base: _Table, grid: _Grid, rows: dict[str, _Table], at: _Table) -> None:
        self.cells: dict[str, Cell] = {}
        self._base, self._shared = base, axes.placed(base, at)
        self._grid, self._rows, self._at = grid, rows, at

    def add(self, name: str, waiting: tuple[str, ...] = ()) -> None:
        """Add the row's cell if it has one here; the rows ``waiting`` start from it."""
        if name in self.cells or not self._has(name):
            return
        needs: list[str] = []
        here = (*waiting, name)
        init = self._rows[name].get("init", self._shared.get("init"))
        start = self._linked(init, here, needs, start=True)
        own = axes.without(self._rows[name], self._grid)
        for key in own.keys() & {*plugins.names("methods")}:
            own[key] = self._linked(own[key], here, needs)
        target = self._shared.get("tgt")
        self.cells[name] = Cell(
            row=name,
            config=_config(self._shared, own, start, self._at),
            source=self._shared.get("src", Config.src),
            target=None if target == NO_TARGET else target,
            axes={k: v for k, v in self._at.items() if k not in _NAMED},
            needs=tuple(dict.fromkeys(needs)),
        )

    def _has(self, name: str) -> bool:
        """Whether the row has this point: an axis that it names is restricted to its values."""
        row = axes.named(self._rows[name], self._grid)
        for axis, given in row.items():
            points = self._grid[axis]
            # A list may itself be a value, such as a size.
            kept = given if isinstance(given, list) and given not in points else [given]
            if not kept:
                raise UsageError(f"{axis} is empty; name values of the axis, or leave it out.")
            for value in kept:
                if value not in points:
                    have = listed(map(str, points))
                    raise UsageError(f"{axis} {quoted(value)} is not on the axis; it has {have}.")
            if self._at[axis] not in kept:
                return False
        return True

    def _linked(
        self, value: Any, waiting: tuple[str, ...], needs: list[str], *, start: bool = False
    ) -> Any:
        """A setting with ``run:NAME`` in place of ``row:NAME``; the cells of the rows come first.

        Args:
            value: a setting, or a table or list of them.
            waiting: the row, after those that wait for it.
            needs: gets the names of the runs.
            start: whether the row starts from it, so that it has to have the same network: its cell
                is at the same point. A teacher may have a cell at another one only.
        """
        if isinstance(value, dict):
            return {key: self._linked(each, waiting, needs) for key, each in value.items()}
        if isinstance(value, list):
            return [self._linked(each, waiting, needs) for each in value]
        if not isinstance(value, str) or not value.startswith(_ROW):
            return value
        wanted = value.removeprefix(_ROW).strip()
        if wanted not in self._rows:
            raise unknown("row to start from", wanted, self._rows)
        if wanted in waiting:
            raise UsageError(f"rows start from each other: {' -> '.join((*waiting, wanted))}.")
        point = self
        if start or self._has(wanted):
            point.add(wanted, waiting)
        elif (at := self._only_place(wanted)) is not None:  # of another network, for instance
            point = _Point(self._base, self._grid, self._rows, at)
            point.add(wanted, waiting)
        if wanted not in point.cells:
            here = ", ".join(f"{axis} {value}" for axis, value in self._at.items())
            raise UsageError(f"it starts from '{wanted}', which has no cell at {here}.")
        needs.append(point.cells[wanted].config.name)
        return results.RUN + needs[-1]

    def _only_place(self, name: str) -> _Table | None:
        """The point of a row that has one value on each axis that it names; None if it has more."""
        row, at = axes.named(self._rows[name], self._grid), dict(self._at)
        for axis, given in row.items():
            one = given if isinstance(given, list) and given not in self._grid[axis] else [given]
            if len(one) != 1:
                return None
            at[axis] = one[0]
        return at


def _config(shared: _Table, own: _Table, start: Any, at: _Table) -> Config:
    values = {**shared, **own}
    for table in TABLES:
        if isinstance(shared.get(table), dict) and isinstance(own.get(table), dict):
            values[table] = {**shared[table], **own[table]}
    # A row that names its loss alone still has the parameters that are axes.
    values = axes.placed(values, {k: v for k, v in at.items() if k.partition(".")[0] in TABLES})
    # Parameters of strategies in [base] apply to the rows with these strategies; rows may override.
    common = {k: v for k, v in shared.items() if k in plugins.names("methods")}
    for name in common:
        if not isinstance(common[name], dict):
            raise UsageError(f"{name} is a strategy; write {name}.<parameter> = ...")
        if name in own:
            values[name] = {**common[name], **own[name]}
        elif name not in _stack(values.get("method", Config.method)):
            del values[name]
    if start is not None:
        values["init"] = start
    starts = is_start({"method": names("method", values.get("method", Config.method))})
    if values.get("tgt") in (None, NO_TARGET):
        values["tgt"] = None
        if not starts:
            # Like Config.source_only, so that both are the same run.
            values["batch_norm"] = "source"
        if "select" not in own:
            values["select"] = _select(shared, values)
    values["score"] = _scored(shared, values.get("src", Config.src), values["tgt"])
    if starts:
        values = {k: v for k, v in values.items() if k not in _OF_SCORES or k in own}
    config = reading.load(flags=values)
    _know(config)
    return config


def _select(shared: _Table, values: _Table) -> str:
    """The ``select`` of a row without target images: no validator that uses them."""
    select = shared.get("select", Config.select)
    oracle = values.get("src", Config.src) == shared.get("tgt")
    return select if select == "source-val" and not oracle else "last"


def _scored(shared: _Table, src: str, tgt: str | None) -> list[str]:
    """The data sets on which a row is scored besides its own, the target first."""
    target = shared.get("tgt")
    table = [target, shared.get("src", Config.src), *names("score", shared.get("score", ()))]
    # An oracle is a run that is scored on its training data set; see Config.ceiling.
    own = {tgt} if tgt is None and src == target else {src, tgt}
    return [name for name in dict.fromkeys(table) if name not in own | {None, NO_TARGET}]


def _know(config: Config) -> None:
    """Refuse an unknown strategy or network; the rest is checked before the first step."""
    recipes.check(config.method)
    if config.model not in plugins.names("models"):
        raise unknown("network", config.model, plugins.names("models"))


def _stack(method: str | Sequence[str]) -> tuple[str, ...]:
    from dagen.runs.parts import resolve

    given = names("method", method)
    recipes.check(given)
    return resolve(recipes.strategies(given))
