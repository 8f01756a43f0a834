"""Labelled target images in the source view go through the student apart, as the target's."""

from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from dagen import plugins
from dagen.methods.base import Context
from dagen.runs.parts import resolve
from dagen.types import Batch, Domain, Task
from tests.toy import AuxToyNetwork, ToyNetwork, batch, setting, stacked


def mixed(rows: int) -> Batch:
    """Four labelled images, the last ``rows`` of them the target's, and two unlabelled ones."""
    both = batch(count=4, maps=["salience", "u2netp"])
    assert both.source is not None
    return replace(both, source=replace(both.source, target_rows=rows))


def context(rows: int, passes: list[tuple[str, int]]) -> Context:
    torch.manual_seed(0)
    network = AuxToyNetwork(2).train()
    domains = ["outside"]
    network.register_forward_pre_hook(
        lambda _module, inputs: passes.append((domains[-1], len(inputs[0])))
    )

    @contextmanager
    def note(domain: Domain):  # type: ignore[no-untyped-def]
        domains.append(domain)
        yield

    return Context(network, mixed(rows), task=Task.BINARY, step=0, steps=1, domain=note)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (0, [("source", 4)]),
        (1, [("source", 3), ("target", 1)]),
        (2, [("source", 2), ("target", 2)]),
        (4, [("target", 4)]),
    ],
)
def test_each_pass_holds_images_of_one_domain(rows: int, expected: list[tuple[str, int]]) -> None:
    passes: list[tuple[str, int]] = []
    ctx = context(rows, passes)
    assert ctx.source_out.logits.shape[0] == 4 and ctx.source_out.aux[0].shape[0] == 4
    assert passes == expected
    ctx.forward(ctx.source.image.flip(3), "source")  # another version of the same images
    assert passes == expected * 2
    del passes[:]
    ctx.forward(ctx.target.image, "target")
    ctx.forward(ctx.source.image[:3], "source")  # not the view's images
    assert passes == [("target", 4), ("source", 3)]


def test_the_answers_come_back_in_order() -> None:
    ctx = context(1, [])
    network, image = ctx.student, ctx.source.image
    parts = [network(image[:3]), network(image[3:])]
    assert torch.equal(ctx.source_out.logits, torch.cat([p.logits for p in parts]))
    assert torch.equal(ctx.source_out.features, torch.cat([p.features for p in parts]))
    assert torch.equal(ctx.source_out.aux[0], torch.cat([p.aux[0] for p in parts]))


def _running_mean(policy: str, rows: int, name: str = "supervised") -> torch.Tensor:
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), [name], {}, setting(), policy).train()
    losses, _ = stack(mixed(rows), 0)
    assert torch.isfinite(torch.stack(list(losses.values()))).all()
    mean: torch.Tensor = stack.student.get_buffer("stem.1.running_mean")
    return mean


def test_batch_norm_statistics_are_of_one_domain() -> None:
    """Policy target: those of the labelled target images; source: of the source images alone."""
    torch.manual_seed(0)
    stem = ToyNetwork(2)
    image = mixed(2).source.image  # type: ignore[union-attr]
    with torch.no_grad():
        means = [stem.stem[0](stem.normalise(half)).mean((0, 2, 3)) for half in image.split(2)]
    assert torch.allclose(_running_mean("target", 2), means[1], atol=1e-6)
    assert torch.allclose(_running_mean("source", 2), 0.1 * means[0], atol=1e-6)
    assert not torch.allclose(means[0], means[1], atol=1e-3)


def test_every_labelled_image_is_learnt_from() -> None:
    torch.manual_seed(0)
    stack = stacked(ToyNetwork(2), ["supervised"], {}, setting(), "target").train()
    views = mixed(2)
    assert views.source is not None
    views.source.image.requires_grad_(True)
    losses, _ = stack(views, 0)
    torch.stack(list(losses.values())).sum().backward()
    grad = views.source.image.grad
    assert grad is not None and (grad.flatten(1).abs().sum(1) > 0).all()


LABELLED = [name for name in plugins.names("methods") if "supervised" in resolve([name])]


def _note(seen: list[int], module: nn.Module, inputs: tuple[torch.Tensor]) -> None:
    if module.training:  # else no pass is normalised by its batch
        seen.append(len(inputs[0]))


@pytest.mark.parametrize("name", LABELLED)
def test_every_part_keeps_the_domain_of_the_images(name: str) -> None:
    task = Task.BINARY
    passes = []
    for rows in (0, 1):
        torch.manual_seed(0)
        stack = stacked(ToyNetwork(task.num_classes), [name], {}, setting(task), "target").train()
        seen: list[int] = []
        stack.student.register_forward_pre_hook(partial(_note, seen))
        losses, _ = stack(mixed(rows), 0)
        assert all(torch.isfinite(value) for value in losses.values())
        passes.append(seen)
    plain, apart = passes
    assert set(plain) == {4} and apart.count(1) == apart.count(3) >= 1
    assert apart.count(4) + apart.count(3) == len(plain)  # only source passes are parted,
    assert "target" in stack.declared.streams or 4 not in apart  # and each of them is


@pytest.mark.parametrize("name", ["adaptsegnet", "advent", "dann", "coral", "mmd"])
def test_what_compares_the_domains_takes_labelled_target_images_for_no_source(name: str) -> None:
    """Change their pixels: the comparison stays as it is."""
    terms = []
    for seed in (1, 2):
        views = mixed(2)
        assert views.source is not None
        image = views.source.image.clone()
        image[-2:] = torch.rand(image[-2:].shape, generator=torch.Generator().manual_seed(seed))
        torch.manual_seed(0)
        stack = stacked(AuxToyNetwork(2), [name], {}, setting()).train()
        losses, _ = stack(replace(views, source=replace(views.source, image=image)), 5)
        terms.append(losses)
    first, second = terms
    supervised = {key for key in first if key.startswith("supervised/")}
    assert all(not torch.equal(first[key], second[key]) for key in supervised)
    assert first.keys() - supervised
    for key in first.keys() - supervised:
        assert first[key] != 0 and torch.equal(first[key], second[key]), key


def test_a_view_takes_its_rows_along() -> None:
    moved = mixed(3).to(torch.device("cpu"))
    assert moved.source is not None and moved.source.target_rows == 3
