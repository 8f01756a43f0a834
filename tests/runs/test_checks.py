"""Who may choose a checkpoint; the other refusals are tested where their settings are."""

import pytest

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs.checks import applicable, check_choice
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run

BOTH = {"source", "target"}


def config(**values: object) -> Config:
    return from_mapping({"src": "resortit", "tgt": "taco", "method": "minent", **values})


def test_defaults_keep_the_last_and_the_names_of_older_runs() -> None:
    assert (config().candidates, config().select) == (1, "last")
    assert config().name == config(candidates=1, select="last").name
    assert config(select="snd").candidates == 5
    assert len({config(candidates=n, select=s).name for n in (2, 5) for s in ("last", "snd")}) == 4
    for wrong in (0, 101, 2.5, "few"):
        with pytest.raises(UsageError, match="candidates"):
            config(candidates=wrong)


def test_source_only_is_chosen_without_the_target() -> None:
    assert config(select="snd").source_only().select == "last"
    assert config(select="source-val").source_only().select == "source-val"
    assert config(candidates=3, select="source-val").source_only().candidates == 3
    assert config(candidates=3).source_only() == config().source_only(), "one baseline for all"


@pytest.mark.parametrize(
    ("values", "trained_on", "message"),
    [
        ({"select": "sndd"}, BOTH, "did you mean 'snd'"),
        ({"select": "oracle"}, BOTH, "unknown validator 'oracle'"),
        ({"select": "snd", "candidates": 1}, BOTH, "candidates is 1|leaves no choice"),
        ({"select": "snd"}, {"source"}, "uses target images.*allowed here: last, source-val"),
        ({"select": "dev"}, {"source"}, "uses target images"),
        ({"select": "source-val"}, {"target"}, "uses source images"),
        ({"select": "dev"}, {"target"}, "uses source images.*infomax"),
        ({"select": "source-val", "tgt": "resortit"}, BOTH, "that is the target"),
        (
            {"select": "source-val", "src": "taco", "tgt": None, "score": ["taco"]},
            {"source"},
            "reads labels of taco val, but that is the target; choose last",
        ),
    ],
)
def test_what_may_not_choose_is_refused(
    values: dict[str, object], trained_on: set[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as error:
        check_choice(config(**values), trained_on)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_what_may_choose_is_not_refused() -> None:
    for name in ("last", *plugins.names("validators")):
        check_choice(config(select=name), BOTH)  # type: ignore[arg-type]
    check_choice(config(select="source-val"), {"source"})
    check_choice(config(select="infomax"), {"target"})
    check_choice(config(candidates=1), {"source"})
    assert applicable({"source"}) == ["source-val"]
    assert applicable(BOTH) == plugins.names("validators")  # type: ignore[arg-type]


def test_the_target_is_not_the_source() -> None:
    with pytest.raises(
        UsageError, match=r"src and tgt are both 'taco'.*nothing to adapt to"
    ) as got:
        plan_run(config(src="taco"))
    assert "\n" not in str(got.value)
    plan_run(config(src="taco", tgt=None, method="supervised"))
