import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen import plugins
from dagen.errors import UsageError
from dagen.methods.base import Method
from dagen.runs.config import Config, from_mapping
from dagen.runs.results import sheet_of
from dagen.runs.sizes import parse_size


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepz": 3}, "did you mean 'steps'"),
        ({"lr": -1}, "lr is -1"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"steps": 0}, "steps is 0"),
        ({"task": "glass"}, "task is 'glass'"),
        ({"size": "224"}, "height x width"),
        ({"size": "0x448"}, "height x width"),
        ({"method": ""}, "method is empty"),
        ({"zoom": 0.5}, "zoom is 0.5"),
    ],
)
def test_bad_values_get_one_clear_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        from_mapping(values)
    assert "\n" not in str(error.value)


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_sizes_survive_their_text(height: int, width: int) -> None:
    assert parse_size(f"{height}x{width}") == (height, width)


@given(st.text())
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    try:
        height, width = parse_size(text)
    except UsageError:
        return
    assert height > 0 and width > 0


def test_the_name_changes_with_every_setting() -> None:
    base = Config()
    others = [from_mapping({"lr": 1e-4}), from_mapping({"seed": 1}), from_mapping({"zoom": 1.5})]
    assert len({base.name, *(other.name for other in others)}) == 4
    assert from_mapping(base.to_dict()).name == base.name


def test_every_name_of_a_run_and_a_sheet_is_one_that_a_file_can_have() -> None:
    usual = from_mapping({"src": "b" * 80, "tgt": "c" * 80})
    assert usual.name.startswith(f"{'b' * 80}-{'c' * 80}-enet")
    for letter in "bü📷":
        long = letter * (255 // len(letter.encode()))
        method = ["adaptsegnet", "colour-transfer", "mean-teacher", "object-paste"]
        names = [
            from_mapping({"src": long, "tgt": f"./{long}", "method": method, "lr": lr}).name
            for lr in (1e-3, 1e-4)
        ]
        sheets = [sheet_of(Path(), name).name for name in (long, f"./{long}", f"{long}/x")]
        assert len({*names}) == 2 and len({*sheets}) == 3
        assert all(len(os.fsencode(name)) <= 255 for name in (*names, *sheets))


def test_source_only_keeps_the_budget_and_drops_the_target() -> None:
    config = from_mapping({"tgt": "taco", "method": "advent", "steps": 9, "score": ["folder"]})
    baseline = config.source_only()
    assert baseline.tgt is None
    assert baseline.method == ("supervised",)
    assert baseline.steps == 9
    assert baseline.scored == config.scored == ("resortit", "taco", "folder")


class Gentle(Method):
    """A strategy that is made for other settings of the optimiser."""

    settings: ClassVar[Mapping[str, float]] = {"lr": 3e-5, "warmup": 7}


class Brisk(Method):
    """One that is made for another learning rate."""

    settings: ClassVar[Mapping[str, float]] = {"lr": 1e-2}


@pytest.fixture
def declaring(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"gentle": Gentle, "brisk": Brisk}
    real, listed = plugins.get, plugins.names
    monkeypatch.setattr(
        plugins, "get", lambda kind, name: made[name] if name in made else real(kind, name)
    )
    monkeypatch.setattr(plugins, "names", lambda kind: [*listed(kind), *made])


def test_a_strategy_declares_settings_and_what_is_given_wins(declaring: None) -> None:
    run = from_mapping({"method": "gentle"})
    assert (run.lr, run.warmup, run.power) == (3e-5, 7, Config.power)
    assert run.to_dict()["lr"] == 3e-5  # what was used is recorded, and part of the name
    own = from_mapping({"method": "gentle", "lr": 1e-3})
    assert (own.lr, own.warmup) == (1e-3, 7)
    assert from_mapping(own.to_dict()) == own
    assert from_mapping({"method": ["advent"]}).lr == Config.lr


def test_two_strategies_that_declare_different_settings_ask_for_one(declaring: None) -> None:
    with pytest.raises(
        UsageError, match=r"gentle is made for lr = 3e-05 and brisk for 0\.01; give"
    ):
        from_mapping({"method": "gentle,brisk"})
    assert from_mapping({"method": "gentle,brisk", "lr": 1e-3}).lr == 1e-3
