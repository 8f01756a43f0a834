import re
from pathlib import Path

import pytest

from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run
from dagen.runs.reading import load


def test_the_later_wins(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('lr = 0.1\nsteps = 7\nseed = 3\nmethod = "advent"\n[advent]\nweight = 0.5\n')
    usual = {"steps": 8, "batch": 3}
    config = load(file, ["lr=0.3", "lr=0.2"], {"seed": 5, "steps": None}, usual=usual)
    assert (config.lr, config.seed, config.steps, config.batch) == (0.2, 5, 7, 3)
    assert config.method == ("advent",)
    assert config.parts == {"advent": {"weight": 0.5}}


def test_a_files_table_of_augmentation_is_overridden_part_by_part(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[augment]\nmirror = false\ntransforms = "photometric"\n')
    for sets, mirror, transforms in (
        ([], False, "photometric"),
        (["mirror=true"], True, "photometric"),
        (["augment.mirror=true"], True, "photometric"),
        (["augment=none"], False, "none"),
    ):
        config = load(file, sets)
        assert (config.mirror, config.augment) == (mirror, transforms), sets
    with pytest.raises(UsageError, match="key of augment 'mirrr'; did you mean 'mirror'"):
        load(file, ["augment.mirrr=true"])


def test_a_setting_beside_a_table_that_has_it_too_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("mirror = true\n[augment]\nmirror = false\n")
    told = "mirror is True, and augment.mirror is False; leave one of them out."
    with pytest.raises(UsageError, match=re.escape(told)):
        load(file)


@pytest.mark.parametrize(
    ("sets", "flags", "message"),
    [
        (["lr=0.2"], {"lr": 0.1}, "lr is 0.1 by --lr and 0.2 by --set lr; leave one of them out."),
        (["loss.name=dice"], {"loss": "focal"}, "loss is 'focal' by --loss and 'dice' by --set"),
        (["loss=dice", "loss.name=focal"], {}, "loss is 'dice' by --set loss and 'focal'"),
        (["target_labels=2"], {"target_labels": "all"}, "by --target-labels and 2 by --set"),
        (["mirror=true", "augment.mirror=false"], {}, "mirror is True by --set mirror and False"),
        (["method.weight=1", "advent.weight=2"], {"method": "advent"}, "by --set advent.weight"),
    ],
)
def test_two_values_of_one_setting_are_refused(
    sets: list[str], flags: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        load(sets=sets, flags=flags)


def test_one_value_in_two_places_is_one_value() -> None:
    config = load(sets=["loss.name=focal", "loss.gamma=3"], flags={"loss": "focal", "lr": None})
    assert (config.loss, config.loss_options) == ("focal", {"gamma": 3})


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


def test_a_loss_is_a_name_or_a_table_and_set_adds_to_it(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[loss]\nname = "focal+dice"\nfocal.gamma = 1.0\n')
    config = load(file)
    assert (config.loss, config.loss_options) == ("focal+dice", {"focal": {"gamma": 1.0}})
    config = load(file, ["loss.dice.factor=0.5", "loss.focal.gamma=3"])
    assert config.loss_options == {"focal": {"gamma": 3}, "dice": {"factor": 0.5}}
    config = load(None, ["loss.gamma=3"], {"loss": "focal"})
    assert (config.loss, config.loss_options) == ("focal", {"gamma": 3})
    assert load(file, [], {"loss": "dice"}).loss_options == {}  # a flag replaces the table
    assert from_mapping(config.to_dict()) == config
    assert "loss" not in from_mapping({}).to_dict()  # old runs keep their names
    assert config.source_only().loss_options == {"gamma": 3}  # the baseline learns alike
    with pytest.raises(UsageError, match="loss is 3; write a name"):
        from_mapping({"loss": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "focall"}, "unknown loss 'focall'; did you mean 'focal'"),
        ({"loss": {"name": "focal", "gama": 1}}, "did you mean 'gamma'"),
        ({"loss": "dice", "parts": {"supervised": {"loss": "focal"}}}, "leave the second out"),
        ({"loss": "dice", "parts": {"supervised": {"class_weights": "enet"}}}, "class_weights is"),
        ({"loss": {"name": "weighted", "weights": [1, 2]}}, "for each of the 5 classes"),
        ({"source_labels": 0}, "source_labels is 0; give a number"),
    ],
)
def test_a_wrong_loss_is_refused_before_the_run(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        plan_run(from_mapping({"src": "resortit-synth", **settings}))
