"""Benchmark files as users mistype them: always one short line, never a traceback."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.benchmarking import reading
from dagen.errors import DagenError
from dagen.runs.config import Config
from tests.fuzz import FUZZ

KEYS = [*Config.__dataclass_fields__, "name", "advent", "title", "x" * 10_000]
ODD: list[Any] = [
    1, -1, 0.5, True, None, "", "x" * 10_000, "enet", "advent", "minent,advent", "none", "taco",
    "row:b", "row:", [], [1], ["enet"], [[32, 64]], [[[1]]], {}, {"weight": 1},
    {"weight": [[[[[1]]]]]}, {"a": {"b": 1}}, 10**400, float("nan"), float("inf"), [0, 1], [1, 1],
    "binary", [{}], [{"a": 1}],
]  # fmt: skip
TABLES = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(ODD), max_size=3)


def check(values: dict[str, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "read_toml", lambda file: values)
        try:
            reading.load(Path("grid.toml"))
        except DagenError as error:
            text = str(error)
            assert "\n" not in text and len(text) <= 400, (len(text), text[:500])


@FUZZ
@given(TABLES, TABLES, st.lists(TABLES, max_size=3))
def test_any_tables_are_a_benchmark_or_one_line(
    base: dict[str, Any], grid: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    check({"base": base, "grid": grid, "row": rows})
    named = [{**row, "name": "abc"[number]} for number, row in enumerate(rows)]
    check({"base": base, "grid": grid, "row": named})


@pytest.mark.parametrize("key", KEYS)
def test_every_key_with_every_odd_value(key: str) -> None:
    row = {"name": "a"}
    for value in ODD:
        check({"base": {key: value}, "row": [row]})
        check({"grid": {key: value}, "row": [row]})
        check({"grid": {key: [value]}, "row": [row]})
        check({"row": [{**row, key: value}, {"name": "b"}]})
        check({"grid": {key: [value]}, "row": [{**row, key: value}]})
        check({key: value, "row": [row]})
        check({"row": value, "base": value})
