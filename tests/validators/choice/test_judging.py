import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs.config import Config, from_mapping
from dagen.runs.selection import Pick
from dagen.types import Domain
from dagen.validators.base import Evidence, NotApplicable, Validator
from dagen.validators.choice import judging
from dagen.validators.choice.judging import Judgement, Verdict, judge, picks
from tests.validators.painters import bright, constant, evidence

BOTH = {"source", "target"}


def config(**values: object) -> Config:
    return from_mapping({"src": "resortit", "tgt": "taco", "method": "minent", **values})


def test_nothing_chooses_by_labels_that_are_not_there() -> None:
    target: set[Domain] = {"target"}
    for name in ("source-val", "dev", "combined"):
        with pytest.raises(UsageError, match=r"there are none; allowed.*infomax"):
            judging.require(config(select=name), target)
    judging.require(config(select="infomax"), target)
    judging.require(config(select="combined"), BOTH)  # type: ignore[arg-type]
    judging.require(config(), set())


def shown(*seen: Evidence) -> list[tuple[int, Evidence]]:
    return [(10 * (k + 1), one) for k, one in enumerate(seen)]


def test_a_collapsed_checkpoint_is_not_picked() -> None:
    """It is the last, and the most certain: whoever asks for it or for certainty gets it."""
    seen = shown(evidence(lambda x: bright(x) / 6), evidence(), evidence(constant(9.0, -9.0)))
    names = [n for n in plugins.names("validators") if n != "dev"]
    found = judge(seen, names)
    assert found.steps == (10, 20, 30) and found.forwards == 5 * 6
    for name in ("infomax", "snd", "mixval", "consistency", "ensemble", "combined", "source-val"):
        assert found.pick(name) in (10, 20), name
    assert found.pick("infomax") == 20
    assert found.pick("entropy") == found.pick("last") == 30


def test_only_one_candidate_is_held_at_a_time() -> None:
    import weakref

    alive: list[weakref.ref[Evidence]] = []

    def one_by_one() -> Iterator[tuple[int, Evidence]]:
        for step in (1, 2, 3):
            assert not [ref for ref in alive[:-1] if ref() is not None]
            seen = evidence()
            alive.append(weakref.ref(seen))
            yield step, seen
            del seen

    assert judge(one_by_one(), ["entropy", "ensemble"]).steps == (1, 2, 3)


class Moody(Validator):
    """Says nothing of the first, no number of the second, and the same of all others."""

    def look(self, evidence: Evidence) -> int:
        count = self.count = getattr(self, "count", 0) + 1
        if count == 1:
            raise NotApplicable("it is too early.")
        return count

    def compare(self, looks: Sequence[int]) -> list[float]:
        return [math.nan if look == 2 else 0.5 for look in looks]


def test_what_a_validator_cannot_judge_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(plugins, "get", lambda kind, name: Moody)
    seen = evidence()
    found = judge(shown(seen, seen, seen, seen), ["moody"])
    assert found.verdicts["moody"].values == {30: 0.5, 40: 0.5}
    assert found.pick("moody") == 40  # the latest of equals
    assert "not a finite number" in str(found.verdicts["moody"].reason)
    first = judge(shown(seen), ["moody"])
    with caplog.at_level(logging.WARNING, logger="dagen"):
        assert first.pick("moody") == 10
    assert "moody cannot choose (step 10: it is too early.)" in caplog.text
    assert "moody" not in picks(first, {})


def test_summary_sets_picks_beside_scores() -> None:
    found = Judgement(
        (1, 2, 3), {"a": Verdict({1: 0.1, 2: 0.9, 3: 0.3}), "b": Verdict({1: 7.0, 2: 1.0})}, 0
    )
    scores = {
        1: {"waste_iou": 0.5, "foreground_miou": 0.2},
        2: {"waste_iou": 0.4, "foreground_miou": 0.3},
        3: {"waste_iou": 0.3, "foreground_miou": 0.1},
    }
    table = picks(found, scores)
    assert list(table) == ["oracle", "last", "a", "b"]
    assert table["oracle"] == Pick(2, 0.3, 0.4, 0.3, 0.0)
    assert table["last"].step == table["last"].value == 3
    assert table["last"].regret == pytest.approx(0.2)
    assert table["a"] == replace(table["oracle"], value=0.9)
    assert table["b"].step == 1 and table["b"].regret == pytest.approx(0.1)
    assert picks(found, {}) == {"last": Pick(3, 3.0), "a": Pick(2, 0.9), "b": Pick(1, 7.0)}
    blank = {1: {"waste_iou": 0.0}, 2: {"waste_iou": 0.0}, 3: {"waste_iou": 0.0}}
    assert "oracle" not in picks(found, blank)
