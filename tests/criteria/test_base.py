"""How losses are named, given parameters and added."""

import pytest
import torch

from dagen.criteria.base import create
from dagen.errors import UsageError
from tests.criteria.drawn import C, draw


def test_a_sum_has_factors_and_parameters_by_the_name_of_the_loss() -> None:
    logits, label = draw()
    found = create("focal+dice", {"focal": {"gamma": 3}, "dice": {"factor": 0.5}}, C)
    one, other = create("focal", {"gamma": 3}, C), create("dice", {}, C)
    torch.testing.assert_close(
        found(logits, label), one(logits, label) + 0.5 * other(logits, label)
    )
    alone = create("focal", {"focal": {"gamma": 3}, "factor": 2}, C)
    torch.testing.assert_close(alone(logits, label), 2 * one(logits, label))


def test_what_a_loss_has_seen_is_part_of_its_state() -> None:
    loss, again = create("weighted+dice", {}, C), create("weighted+dice", {}, C)
    logits, label = draw()
    loss.observe(label)
    again.load_state_dict(loss.state_dict())
    assert torch.equal(loss(logits, label), again(logits, label))


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("focall", {}, "unknown loss 'focall'; did you mean 'focal'"),
        ("dice+dice", {}, "name every loss once"),
        ("dice+", {}, "unknown loss ''"),
        ("focal", {"gama": 3}, "unknown loss.focal parameter 'gama'; did you mean 'gamma'"),
        ("focal", {"gamma": -1}, "loss.focal.gamma is -1"),
        ("focal", {"dice": {"smooth": 1}}, "unknown loss in focal 'dice'"),
        ("focal+dice", {"gamma": 3}, "loss.gamma is 3, and focal+dice is a sum"),
        ("focal+dice", {"smooth": 1}, "as in loss.dice.smooth"),
        ("focal+dice", {"focal": 3}, "as in loss.focal.gamma"),
        ("focal", {"factor": 0}, "every factor of the loss 'focal' is 0"),
        ("tversky", {"alpha": 0, "beta": 0}, "no mistake costs anything"),
        ("dice", {"factor": -1}, "loss.dice.factor is -1"),
        ("weighted", {"weights": [1, 2]}, "has 2 numbers; give one for each of the 4 classes"),
        ("weighted", {"weights": [0, 0, 0, 0]}, "are all 0"),
        (
            "weighted",
            {"weights": "enett"},
            "loss.weighted.weights is 'enett': input should be 'enet' or 'inverse', or input",
        ),
        ("class-balanced", {"beta": 1}, "loss.class-balanced.beta is 1"),
    ],
)
def test_a_wrong_loss_is_one_clear_line(
    spec: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as error:
        create(spec, options, C)
    assert message in str(error.value)
