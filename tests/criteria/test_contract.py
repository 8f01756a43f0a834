"""What every loss promises, checked on all that ``plugins`` finds."""

import importlib
import re
from dataclasses import fields

import pytest
import torch

from dagen import plugins
from dagen.criteria.base import create, parameters
from dagen.types import IGNORE
from tests.criteria.drawn import C, draw

NAMES = plugins.names("losses")
SUMS = ["cross-entropy+dice", "focal+lovasz"]


def test_all_that_were_promised_are_there() -> None:
    assert {
        "class-balanced", "cross-entropy", "dice", "focal", "lovasz", "tversky", "weighted",
    } <= set(NAMES)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_paper_and_parameters_are_described(name: str) -> None:
    kind = plugins.get("losses", name)
    text = importlib.import_module(kind.__module__).__doc__ or ""
    author = re.match(r"[\w'-]+", kind.paper)
    assert name == "cross-entropy" or (author and author[0] in text)
    assert len(plugins.summary("losses", name)) <= 100
    for field in fields(kind.Config):
        assert re.search(rf"\n\s+{field.name}: \S", kind.Config.__doc__)
    assert parameters(name) == {f.name: f.default for f in fields(kind.Config)}


@pytest.mark.parametrize("name", NAMES + SUMS)
def test_gradients_are_those_of_the_values(name: str) -> None:
    logits, label = draw(shape=(1, C, 2, 3))
    loss = create(name, {}, C)
    loss.observe(label)
    assert torch.autograd.gradcheck(lambda x: loss(x, label), logits.requires_grad_())


@pytest.mark.parametrize("name", NAMES + SUMS)
def test_a_batch_without_a_label_has_loss_0_and_gradient_0(name: str) -> None:
    logits, label = draw()
    logits.requires_grad_()
    loss = create(name, {}, C)
    loss.observe(torch.full_like(label, IGNORE))
    found = loss(logits, torch.full_like(label, IGNORE))
    found.backward()
    assert float(found.detach()) == 0 and logits.grad is not None and not logits.grad.any()


@pytest.mark.parametrize("name", NAMES + SUMS)
def test_ignored_pixels_have_no_say(name: str) -> None:
    logits, label = draw()
    loss = create(name, {}, C)
    loss.observe(label)
    changed = logits + 9 * (label == IGNORE)[:, None] * torch.randn_like(logits)
    torch.testing.assert_close(loss(changed, label), loss(logits, label))


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_is_better_than_anything_else(name: str) -> None:
    _, label = draw(known=True)
    truth = 20 * torch.nn.functional.one_hot(label, C).movedim(-1, 1).double()
    loss = create(name, {}, C)
    loss.observe(label)
    right, wrong = loss(truth, label), loss(truth.roll(1, 1), label)
    assert 0 <= float(right) < 1e-3 < float(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_coarse_logits_meet_the_label_at_its_own_size(name: str) -> None:
    logits, label = draw(shape=(2, C, 8, 12))
    coarse = logits[:, :, ::4, ::4].float()
    full = torch.nn.functional.interpolate(coarse, size=(8, 12), mode="bilinear")
    loss = create(name, {}, C)
    loss.observe(label)
    torch.testing.assert_close(loss(coarse, label), loss(full, label))
    assert loss(coarse.bfloat16(), label).dtype == torch.float32
