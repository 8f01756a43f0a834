"""Settings as users mistype them: always one short line, never a traceback."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.errors import DagenError, UsageError, short, unknown
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.runs.reading import load, read_toml
from tests.fuzz import FUZZ

NAMES = [
    *Config.__dataclass_fields__,
    "advent",
    "method",
    "method.weight",
    "advent.weight",
    "parts",
]
BARE = (
    "0.5", "-1", "1e400", "nan", "inf", "true", "x", '"x"', "[]", "[1, [2]]", "{}", "{a = {b = 1}}",
    "2020-01-01", "07:32:00", "1979-05-27T07:32:00Z", "9" * 5000, "0x" + "f" * 5000, "[" * 5000,
    "x" * 100_000, '"' + "y" * 100_000 + '"', "none", "enet", "advent", "minent,advent", "\x00",
    "é", "1\nsteps = 3", "all", "off", "32x64",  "best", '["best", "mix-reset"]', '["advent", 1]',
    "''", "run:../x", "\udcff",
)  # fmt: skip
SETS = st.tuples(st.sampled_from(NAMES) | st.text(max_size=20), st.sampled_from(BARE) | st.text())
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def told(error: DagenError) -> str:
    """The message, after checking that it is one short line."""
    text = str(error)
    assert "\n" not in text and len(text) <= 400, (len(text), text[:500])
    return text


def planned(sets: list[str], flags: dict[str, Any] | None = None) -> None:
    try:
        plan_run(load(sets=sets, flags=flags))
    except DagenError as error:
        told(error)


@FUZZ
@given(st.lists(SETS, min_size=1, max_size=3))
def test_any_set_is_a_setting_or_one_line(sets: list[tuple[str, str]]) -> None:
    planned([f"{key}={value}" for key, value in sets])


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_with_every_odd_value(name: str) -> None:
    for value in BARE:
        planned([f"{name}={value}"])
        planned([f"{name}={value}"], {"tgt": "taco", "method": "advent"})
        planned([f"advent.weight={value}", f"{name}={value}"], {"tgt": "taco"})


@FUZZ
@given(st.dictionaries(st.sampled_from(sorted(Config.__dataclass_fields__)), VALUES, max_size=3))
def test_any_value_from_python_is_a_setting_or_one_line(values: dict[str, Any]) -> None:
    with suppress(UsageError):
        config = from_mapping(values)
        assert from_mapping(config.to_dict()).name == config.name
    try:
        plan_run(from_mapping(values))
    except DagenError as error:
        told(error)


@FUZZ
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_file_is_toml_or_one_line(content: bytes) -> None:
    path = Path("run.toml")

    class File:
        def read_text(self, encoding: str) -> str:
            return content.decode(encoding)

        def __str__(self) -> str:
            return str(path)

    try:
        read_toml(File())  # type: ignore[arg-type]
    except DagenError as error:
        assert str(path) in told(error)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["model.width=0.5"], "--set model.width: model is 'enet'"),
        (['parts="x"'], "parts is 'x'; write a table for each strategy"),
        (["method=1"], "method is 1; write a name, or a list of names"),
        (["advent.weight=2020-01-01"], "advent.weight is 2020-01-01; write a number"),
        (["steps=2020-01-01"], "steps is 2020-01-01: input should be a valid integer"),
        (["advent.weight=" + "[" * 50 + "]" * 50], "advent.weight is [[[[...]]]]"),
        (["model_options.ibn=" + "[" * 50 + "]" * 50], "model_options.ibn is [[[[...]]]]"),
        (["model_options=3"], "model_options is 3; write a table"),
        (["size=[1000000000, 64]"], "size.0 is 1000000000: input should be less than"),
        (["steps=" + "9" * 100], "steps is 99999999999999999"),
        (["target_labels=" + "9" * 5000], "target_labels is '9999"),
        (["lr=" + "x" * 100_000], "lr is 'xxx"),
        (["x" * 100_000 + "=1"], "unknown setting 'xxx"),
        (["advent=1"], "advent is 1; write a table of parameters"),
        (["stepss=1"], "did you mean 'steps'?"),
    ],
)
def test_what_is_told(sets: list[str], words: str) -> None:
    sets = ["tgt=taco", "method=advent", "model=enet", *sets]
    with pytest.raises(UsageError) as error:
        plan_run(load(sets=sets))
    assert words in told(error.value)


def test_a_message_quotes_a_part_of_a_long_value() -> None:
    assert short("x" * 10**6) == "x" * 67 + "…" + "x" * 33
    assert short("a\nb\x00c\udcff") == r"a\nb\x00c\udcff"
    assert short(10**6000) == "a number of 19932 bits"
    assert len(short([["y" * 10**5] * 100] * 100)) <= 101
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    assert short(deep) == "[[[[...]]]]"
    many = [f"name-{number}" for number in range(1000)]
    text = told(unknown("setting", "z" * 10**5, many))
    assert text.endswith(" more.") and "name-0, name-1" in text
