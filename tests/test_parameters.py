from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from dagen.errors import UsageError
from dagen.parameters import (
    Count,
    Fraction,
    NotNegative,
    Positive,
    Steps,
    build_config,
    number_or,
)


@dataclass(frozen=True)
class Config:
    weight: NotNegative = 0.001
    rate: Positive = 0.1
    share: Fraction = 0.5
    width: Count = 8
    ramp: Steps = 0
    flag: bool = False
    objective: Literal["vanilla", "least-squares"] = "vanilla"
    scales: tuple[float, ...] = (1.0,)


@dataclass(frozen=True)
class Needy:
    weight: float


def test_values_go_over_the_defaults() -> None:
    values = {"weight": 2, "objective": "least-squares", "scales": [1, 2.5], "flag": True}
    found = build_config(Config, values, "advent")
    assert found == Config(weight=2.0, objective="least-squares", scales=(1.0, 2.5), flag=True)
    assert type(found) is Config and isinstance(found.weight, float)
    assert build_config(Config, {}, "advent") == Config()


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UsageError) as error:
        build_config(Config, {"wieght": 1}, "advent")
    message = str(error.value)
    assert "unknown advent parameter 'wieght'; did you mean 'weight'?" in message
    assert "objective" in message and "\n" not in message


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"weight": "much"}, ["advent.weight is 'much'", "number"]),
        ({"weight": "0.1"}, ["advent.weight is '0.1'", "number"]),
        ({"weight": True}, ["advent.weight is True", "number"]),
        ({"weight": -1}, ["advent.weight is -1", "greater than or equal to 0"]),
        ({"weight": float("nan")}, ["advent.weight is nan"]),
        ({"weight": float("inf")}, ["advent.weight is inf", "finite"]),
        ({"rate": 0}, ["advent.rate is 0", "greater than 0"]),
        ({"share": 1.5}, ["advent.share is 1.5", "less than or equal to 1"]),
        ({"width": 0}, ["advent.width is 0", "greater than or equal to 1"]),
        ({"width": 2.5}, ["advent.width is 2.5", "integer"]),
        ({"flag": 1}, ["advent.flag is 1", "boolean"]),
        ({"objective": "hinge"}, ["advent.objective is 'hinge'", "'vanilla'", "'least-squares'"]),
        ({"scales": [1, "x"]}, ["advent.scales.1 is 'x'", "number"]),
        ({"width": -1, "ramp": -2}, ["advent.width is -1", "advent.ramp is -2"]),
    ],
)
def test_a_wrong_value_is_one_line(values: dict[str, object], words: list[str]) -> None:
    with pytest.raises(UsageError) as error:
        build_config(Config, values, "advent")
    message = str(error.value)
    assert all(word in message for word in words), message
    assert "\n" not in message and message.endswith(".")


def test_a_missing_value_is_named() -> None:
    with pytest.raises(UsageError, match=r"tent\.weight is missing"):
        build_config(Needy, {}, "tent")


@dataclass(frozen=True)
class _Paced:
    decay: Annotated[
        float | Literal["run"], number_or("run", lambda v: 0 <= v < 1, "a number in [0, 1)")
    ] = "run"


@pytest.mark.parametrize("text", [False, True])
def test_a_number_or_a_word(text: bool) -> None:
    assert build_config(_Paced, {"decay": "run"}, "x", text=text).decay == "run"
    assert build_config(_Paced, {"decay": "0.5" if text else 0.5}, "x", text=text).decay == 0.5
    for bad in (1, 1.0, -0.1, "off", "0.5", float("nan"), True, [0.5], None):
        with pytest.raises(UsageError, match=r"x\.decay is .*: write a number in \[0, 1\), or"):
            build_config(_Paced, {"decay": bad}, "x")
