"""The order of the parts of a run, and what is refused about them."""

from typing import Any

import pytest

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs.parts import Parts, arrange, resolve
from dagen.types import Task
from tests import toy_parts
from tests.toy import setting
from tests.toy_parts import Tint


@pytest.fixture(autouse=True)
def extra_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_parts.install(monkeypatch)


def test_supervised_comes_first_unless_named_or_source_free() -> None:
    assert resolve(["minent"]) == ("supervised", "minent")
    assert resolve(["minent", "supervised"]) == ("minent", "supervised")
    assert resolve(["free"]) == ("free",)
    assert resolve(["free", "minent"]) == ("free", "minent")
    assert resolve(["free", "tint"]) == ("supervised", "free", "tint")
    assert resolve([]) == ("supervised",)


def test_required_parts_are_added_before_all_named_ones() -> None:
    assert resolve(["minent", "needy"]) == ("supervised", "tint", "minent", "needy")
    assert resolve(["tint", "needy"]) == ("supervised", "tint", "needy")
    with pytest.raises(UsageError, match=r"'needy' needs 'tint' before it; .* tint,needy"):
        resolve(["needy", "tint"])


def test_parts_that_require_each_other_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tint, "requires", ("needy",))
    with pytest.raises(UsageError, match="needy -> tint -> needy"):
        resolve(["needy"])


@pytest.mark.parametrize(
    ("names", "configs", "message"),
    [
        (["minent", "minent"], {}, "'minent' is in the stack twice"),
        (["mnent"], {}, "unknown method 'mnent'; did you mean 'minent'"),
        (["needy"], {}, "'needy' cannot segment background, waste: it knows materials alone"),
        (["minent"], {"minent": {"wieght": 1}}, "unknown minent parameter 'wieght'.*'weight'"),
        (["minent"], {"minent": {"weight": -1}}, "minent.weight is -1"),
        (["adabn", "swa"], {}, "the changes of adabn .* lost.* change the order to swa,adabn"),
        (["adabn", "mean-teacher", "dacs"], {}, "change the order to mean-teacher,adabn"),
        (["swad", "mean-teacher"], {}, "name one of the two, swad or mean-teacher"),
        (["dacs", "swa"], {}, "mean-teacher or swa, or set mean-teacher.predict to false"),
        (["minent"], {"minnt": {}}, "unknown part of this stack 'minnt'.*'minent'"),
    ],
)
def test_mistakes_are_found_before_the_first_step(
    names: list[str], configs: dict[str, dict[str, Any]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        arrange(names, configs, setting())


def test_streams_and_checkpoint_are_the_parts_together() -> None:
    def parts(*names: str) -> Parts:
        return arrange(names, {}, setting(Task.MATERIAL))

    assert parts("supervised").streams == {"source"}
    assert parts("minent").streams == {"source", "target"}
    assert parts("free").streams == {"target"}
    assert not parts("minent").needs_checkpoint and parts("needy").needs_checkpoint
    assert parts("tent").online == "tent" and parts("minent").online is None
    assert parts("fda", "minent").names == ("supervised", "fda", "minent")


@pytest.mark.parametrize("change", [{"online": True}, {"streams": frozenset({"source"})}])
def test_maps_come_only_with_training_images_of_the_target(
    change: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    saliency = plugins.get("methods", "saliency")
    assert arrange(["saliency"], {}, setting()).maps == {"salience": {}}
    for name, value in change.items():
        monkeypatch.setattr(saliency, name, value)
    with pytest.raises(UsageError, match=r"'saliency' needs maps \(salience\), .* online"):
        arrange(["saliency"], {}, setting())


def test_parameters_are_checked_once_and_kept() -> None:
    parts = arrange(["minent"], {"minent": {"weight": 0.5}}, setting())
    assert parts.configs["minent"] == plugins.get("methods", "minent").Config(weight=0.5)


def test_a_part_is_asked_whether_it_fits_the_run() -> None:
    with pytest.raises(UsageError, match=r"fda\.radius is \[40\]; .* from 0 to 15"):
        arrange(["fda"], {"fda": {"radius": [40]}}, setting(size=(32, 32)))


def test_parts_that_others_need_stand_before_all_named_ones() -> None:
    assert resolve(["adabn", "dacs"]) == ("supervised", "mean-teacher", "adabn", "dacs")
    assert resolve(["mic", "mean-teacher"][::-1]) == ("supervised", "mean-teacher", "mic")
