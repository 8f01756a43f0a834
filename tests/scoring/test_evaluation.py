import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import dagen
from dagen.datasets.base import Label
from dagen.scoring import evaluation
from dagen.scoring.evaluation import NothingToScore, count, evaluate
from dagen.scoring.metrics import Scores
from dagen.scoring.predictor import Predictor, Probabilities
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
from tests.scoring.by_hand import Brightness, Halves, Runtime

PREDICTORS: list[Predictor] = [TorchPredictor(Brightness(), Task.BINARY, (32, 64)), Runtime()]


@pytest.fixture(params=PREDICTORS, ids=["torch", "numpy"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    found: Predictor = request.param
    return found


def test_a_perfect_predictor_scores_one(predictor: Predictor) -> None:
    scores = evaluate(predictor, Halves()).to_dict()
    assert scores["waste_iou"] == pytest.approx(1)
    assert scores["miou"] == pytest.approx(1)


def test_ignored_pixels_do_not_count_and_wrong_ones_do(predictor: Predictor) -> None:
    assert evaluate(predictor, Halves(255)).waste_iou == pytest.approx(1)
    missed = evaluate(predictor, Halves(1)).waste_iou
    assert missed == pytest.approx(32 * 32 / (32 * 32 + 8 * 32))


def test_progress_is_called_for_each_image(predictor: Predictor) -> None:
    seen: list[int] = []
    evaluate(predictor, Halves(), on_image=lambda: seen.append(1))
    assert len(seen) == 3


def test_answers_are_counted_one_after_the_other() -> None:
    """So that an online run may learn from an image before it answers the next."""
    scores = Scores(Task.BINARY)
    before: list[int] = []

    def answers() -> Iterator[tuple[Probabilities, Label]]:
        for index in range(3):
            before.append(int(scores.confusion.sum()))
            yield Runtime()(Halves().image(index)), Halves().label(index)

    count(scores, answers())
    assert before == [0, 32 * 64, 2 * 32 * 64]
    assert np.array_equal(scores.confusion, evaluate(Runtime(), Halves()).confusion)


def test_one_loop_alone_fills_a_confusion_matrix() -> None:
    found = []
    package = Path(dagen.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "update"
                and "scores" in ast.unparse(node.func.value).lower()
            ):
                found.append(path.relative_to(package).as_posix())
    assert found == ["scoring/evaluation.py"]


class Filled(Halves):
    """Every pixel of every label has one id."""

    def label(self, index: int) -> Label:
        return np.full_like(super().label(index), self.stripe)


def test_labels_that_are_all_ignored_have_no_score(predictor: Predictor) -> None:
    with pytest.raises(NothingToScore, match=r"the split 'val' in .* has no labelled pixel: all"):
        evaluate(predictor, Filled(255))


def test_scores_without_any_object_are_warned_of(
    predictor: Predictor, caplog: pytest.LogCaptureFixture
) -> None:
    evaluation._warn_once.cache_clear()
    for _ in range(2):
        assert evaluate(predictor, Filled(0)).pixel_accuracy == pytest.approx(0.5)
    assert len(caplog.messages) == 1
    assert "has no pixel of any class but the background. Its scores say nothing" in caplog.text
    caplog.clear()
    evaluate(predictor, Halves())
    assert not caplog.messages
