import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.base import Context, Method
from dagen.types import Batch, SegOut, Task
from tests import toy_parts
from tests.toy import ToyNetwork, batch, setting, stacked
from tests.toy_parts import Tint


class Counting(ToyNetwork):
    """Counts its passes and remembers the images."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes)
        self.seen: list[Tensor] = []

    def forward(self, image: Tensor) -> SegOut:
        self.seen.append(image)
        return super().forward(image)


@pytest.fixture(autouse=True)
def extra_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    toy_parts.install(monkeypatch)


def stack(names: list[str], task: Task = Task.BINARY, **configs: dict[str, Any]) -> Stack:
    torch.manual_seed(0)
    return stacked(Counting(task.num_classes), names, configs, setting(task)).train()


def seen(stack: Stack) -> list[Tensor]:
    assert isinstance(stack.student, Counting)
    return stack.student.seen


def tint(stack: Stack) -> Tint:
    part = stack.parts["tint"]
    assert isinstance(part, Tint)
    return part


def test_terms_and_figures_carry_the_name_of_their_part() -> None:
    whole = stack(["tint", "advent"])
    losses, metrics = whole(batch(), 3)
    assert set(losses) == {
        "supervised/main",
        "tint/size",
        "advent/fool",
        "advent/discriminate",
    }
    assert {"tint/shift", "tint/owned", "advent/discriminator_loss"} <= set(metrics)
    assert not {"supervised/shift", "tint/discriminator_loss", "advent/owned"} & set(metrics)
    assert not any(value.requires_grad for value in metrics.values())
    assert all(value.ndim == 0 and value.requires_grad for value in losses.values())


def test_parts_share_one_pass_for_each_domain() -> None:
    names = [
        "tint",
        "minent",
        "maxsquare",
        "infomax",
        "coral",
        "mmd",
        "adaptsegnet",
        "advent",
        "dann",
    ]
    whole = stack(names)
    both = batch()
    whole(both, 0)
    source, target = seen(whole)
    assert both.source is not None and both.target is not None
    torch.testing.assert_close(source, both.source.image + 0.25)
    assert torch.equal(target, both.target.image)


def test_parts_that_learn_from_a_teacher_share_its_answer() -> None:
    names = ["dacs", "mic", "cbst", "proda", "object-paste", "prototypes"]
    at_once = {name: {"start": 0.0} for name in names if name != "object-paste"}
    whole = stacked(ToyNetwork(2), names, at_once, setting()).train()
    teacher, student = list[Tensor](), list[Tensor]()
    network: Any = whole.parts["mean-teacher"].get_submodule("ema.module")
    network.register_forward_pre_hook(lambda _, inputs: teacher.append(inputs[0]))
    whole.student.register_forward_pre_hook(lambda _, inputs: student.append(inputs[0]))
    both = batch()
    assert both.source is not None and both.source.label is not None
    both.source.label[:] = 0
    both.source.label[:, 8:24, 8:24] = 1  # an object to paste
    for step in (0, 5):
        whole(both, step)
        assert len(teacher) == 1
        # Both domains as they are, and the mixed, the masked and the pasted images.
        assert len(student) == 5
        teacher.clear()
        student.clear()


def test_source_only_never_forwards_the_target() -> None:
    whole = stack(["supervised"])
    whole(batch(), 0)
    assert len(seen(whole)) == 1
    alone, _ = whole(replace(batch(), target=None), 1)
    assert torch.isfinite(alone["supervised/main"])


def test_after_step_and_optimisers_reach_every_part() -> None:
    whole = stack(["tint", "adaptsegnet", "dann"])
    whole.after_step(4)
    assert tint(whole).steps == [4]
    optimizers = whole.optimizers()
    assert len(optimizers) == 3 and optimizers[0] is tint(whole).optimizer
    assert all(a is b for a, b in zip(optimizers, whole.optimizers(), strict=True))
    owned = {id(p) for o in optimizers for g in o.param_groups for p in g["params"]}
    assert not owned & {id(p) for p in whole.student.parameters()}
    parts = {id(p) for p in whole.parts.parameters()}
    assert owned == parts


def test_predictor_is_a_copy_through_every_part() -> None:
    whole = stack(["tint"])
    before = copy.deepcopy(whole.student.state_dict())
    found = whole.predictor(None)
    assert found is not whole.student and not found.training and whole.student.training
    assert found.get_parameter("head.bias").abs().max() == 0
    assert all(torch.equal(v, before[k]) for k, v in whole.student.state_dict().items())
    assert torch.equal(found.get_parameter("head.weight"), before["head.weight"])


def test_first_weights_of_a_part_depend_on_neither_neighbours_nor_history() -> None:
    alone = tint(stack(["tint"])).owned
    torch.rand(5)
    beside = tint(stacked(ToyNetwork(2), ["advent", "tint"], {}, setting())).owned
    assert torch.equal(alone, beside)
    other = tint(stacked(ToyNetwork(2), ["tint"], {}, replace(setting(), seed=1))).owned
    assert not torch.equal(alone, other)
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    stacked(nn.Identity(), ["tint"], {}, setting())
    assert torch.equal(torch.rand(1), wanted)


def test_the_student_is_registered_once() -> None:
    whole = stack(["minent", "advent"])
    names = [name for name, _ in whole.named_parameters(remove_duplicate=False)]
    assert sum(name.endswith("stem.0.weight") for name in names) == 1
    assert "student.stem.0.weight" in names


def test_scoring_the_source_under_separate_uses_its_statistics() -> None:
    torch.manual_seed(0)
    whole = stacked(ToyNetwork(2), ["minent"], {}, setting(), "separate").train()
    for step in range(3):
        whole(batch(seed=step), step)
    shipped = whole.predictor()
    image = batch(seed=9).source.image  # type: ignore[union-attr]
    deployed = shipped(image).logits
    with whole.scoring(shipped, "target"):
        assert torch.equal(shipped(image).logits, deployed)
    with whole.scoring(shipped, "source"):
        assert not torch.equal(shipped(image).logits, deployed)
    assert torch.equal(shipped(image).logits, deployed)
    with pytest.raises(UsageError, match="'sorce'; did you mean 'source'"):
        stacked(ToyNetwork(2), [], {}, setting(), "sorce")


def test_every_process_draws_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []

    class Drawing(Method):
        def transform(self, ctx: Context) -> Batch:
            drawn.append(torch.rand(4, generator=ctx.generator("tint")))
            return ctx.batch

    whole = stack(["minent"])
    whole.parts["minent"] = Drawing(ToyNetwork(2), setting(), Method.Config())
    for number in (0, 0, 1):
        monkeypatch.setattr("dagen.engine.stack.rank", lambda number=number: number)
        whole(batch(), 0)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize(("name", "moves"), [("minent", [True, True, False]), ("tent", [True] * 3)])
def test_statistics_freeze_at_their_step(name: str, moves: list[bool]) -> None:
    stack = stacked(ToyNetwork(2), [name], {}, setting(steps=10), "target", 0.5).train()
    frozen = []
    for step in (0, 4, 5):
        images = batch(seed=step)
        stack(images if name == "minent" else Batch(target=images.target), step)
        frozen.append(stack.batch_norm.frozen)
    assert frozen == [not moving for moving in moves]
