from pathlib import Path

import pytest

from dagen.errors import UsageError
from dagen.runs.reading import load


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


def test_a_table_not_named_after_a_strategy_is_refused() -> None:
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
