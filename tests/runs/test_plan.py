"""A run is planned once, without a network, an image or a folder."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagen import plugins
from dagen.errors import UsageError
from dagen.models.base import Network
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import evenly_spaced, plan_run
from tests.toy import GIVEN


def config(**values: Any) -> Config:
    return from_mapping({"src": "resortit", "tgt": "taco", "method": "minent", **values})


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **keywords: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr(Network, "__init__", refuse)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("name", plugins.names("methods"))
def test_every_strategy_is_planned_without_a_network(name: str) -> None:
    given = {name: GIVEN[name]} if name in GIVEN else {}
    plan = plan_run(
        config(method=name, init="run:before", model="icnet", task="binary", parts=given)
    )
    method = plugins.get("methods", name)
    assert name in plan.parts.names
    assert method.streams <= plan.parts.streams
    assert plan.online == (name if method.online else None)
    assert plan.reads_source == ("supervised" in plan.parts.names)
    assert plan.trained_on == (set() if plan.online else plan.parts.streams)
    scored = ("resortit", "taco") if plan.reads_source else ("taco",)
    assert plan.scored == (() if method.pretrains else scored)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "enett"}, "unknown network 'enett'; did you mean 'enet'"),
        ({"model_options": {"wide": 1}}, "network enet: got an unexpected keyword argument 'wide'"),
        ({"size": [100, 128]}, "size is 100x128; enet needs multiples of"),
        ({"tgt": None}, "minent needs a target; give --tgt"),
        ({"method": "shot"}, "shot starts from a trained network; give --init"),
        ({"method": "mixstyle", "batch": 1}, "'mixstyle' mixes the styles .* has 1 per pass"),
        ({"method": "fda", "parts": {"fda": {"radius": [999]}}}, r"fda\.radius is \[999\]"),
        ({"method": "adabn,swa"}, "change the order to swa,adabn"),
        ({"width": 9}, "width is 9"),
    ],
)
def test_what_cannot_work_is_refused_from_declarations(
    values: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        plan_run(config(**values))


def test_processes_share_each_batch() -> None:
    assert plan_run(config(batch=8), 2).facts.source_images == 4
    assert plan_run(config(batch=8, target_labels=3), 2).facts.source_images == 2
    with pytest.raises(UsageError, match="batch is 5; it must be a multiple of 2 processes"):
        plan_run(config(batch=5), 2)


def test_target_labels_bring_the_supervised_part_to_a_source_free_run() -> None:
    plan = plan_run(config(method="shot", init="run:before", target_labels=3))
    assert plan.parts.names == ("supervised", "shot") and not plan.reads_source
    assert plan.trained_on == {"target"}


@given(st.integers(1, 3000), st.integers(1, 100))
def test_spacing(steps: int, count: int) -> None:
    kept = evenly_spaced(steps, count)
    assert len(kept) == min(steps, count) and kept[-1] == steps
    assert kept[0] >= 1 and list(kept) == sorted(set(kept))
    gaps = [b - a for a, b in zip((0, *kept), kept, strict=False)]
    assert max(gaps) - min(gaps) <= 1
    assert evenly_spaced(500, 5) == (100, 200, 300, 400, 500)


def test_only_runs_that_train_keep_several_checkpoints() -> None:
    assert plan_run(config(steps=500, candidates=5)).kept == (100, 200, 300, 400, 500)
    assert plan_run(config(candidates=1)).kept == ()
    assert plan_run(config(method="tent", init="run:before", candidates=5)).kept == ()
