from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen.config import Config, from_mapping, load, parse_size
from dagen.errors import UsageError


def test_the_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('lr = 0.1\nsteps = 7\nseed = 3\nmethod = "advent"\n[advent]\nweight = 0.5\n')
    config = load(file, ["lr=0.2", "seed=4"], {"seed": 5, "steps": None})
    assert (config.lr, config.seed, config.steps) == (0.2, 5, 7)
    assert config.method == ("advent",)
    assert config.parts == {"advent": {"weight": 0.5}}


def test_a_parameter_of_the_only_method() -> None:
    config = load(sets=["method.weight=0.01"], flags={"method": "minent"})
    assert config.parts == {"minent": {"weight": 0.01}}
    assert config.method == ("minent",)


def test_a_parameter_of_a_stack_needs_the_strategys_name() -> None:
    with pytest.raises(UsageError, match="exactly one method"):
        load(sets=["method.weight=0.01"], flags={"method": "minent,advent"})


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


def test_a_table_that_is_no_strategy_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'advent'"):
        load(sets=["advnt.weight=1"], flags={"method": "advent"})


def test_broken_toml_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("lr = = 3")
    with pytest.raises(UsageError, match=r"run\.toml is not valid TOML"):
        load(file)
    with pytest.raises(UsageError, match="cannot read"):
        load(tmp_path / "missing.toml")
    with pytest.raises(UsageError, match="key=value"):
        load(sets=["lr"])


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


def test_source_only_keeps_the_budget_and_drops_the_target() -> None:
    config = from_mapping({"tgt": "taco", "method": "advent", "steps": 9, "score": ["folder"]})
    baseline = config.source_only()
    assert baseline.tgt is None
    assert baseline.method == ("supervised",)
    assert baseline.steps == 9
    assert baseline.scored == config.scored == ("resortit", "taco", "folder")
