"""What every strategy promises, checked on all that ``plugins`` finds."""

import dataclasses
import importlib
import inspect
import io
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
import torch

from dagen import plugins
from dagen.engine.stack import Stack
from dagen.errors import UsageError
from dagen.methods.base import Family, Method
from dagen.runs.config import from_mapping
from dagen.types import Batch, Task
from tests.toy import AuxToyNetwork, ToyNetwork, batch, setting, stacked

NAMES = plugins.names("methods")
LATE = (0, 1, 4, 5)
"""Steps of ten: parts that start late have started by then."""
WITHOUT = (Method.losses, plugins.get("methods", "swad").losses)
"""Of parts without a loss of their own."""
TASKS = [
    Task("classes", tuple(map(str, range(count))), background=background)
    for count, background in ((3, True), (7, True), (19, False), (2, False))
]
"""The classes that people's own data sets may have."""


def build(
    name: str,
    network: type[ToyNetwork] = ToyNetwork,
    seed: int = 0,
    freeze: float = 1.0,
    task: Task = Task.BINARY,
) -> Stack:
    torch.manual_seed(seed)
    return stacked(network(task.num_classes), [name], {}, setting(task), "target", freeze).train()


def streamed(stack: Stack, seed: int) -> Batch:
    """What the loader would give: only the domains that are streamed, no target label."""
    both = batch(stack.setting.task, seed=seed, maps=stack.declared.maps)
    return Batch(
        both.source if "source" in stack.declared.streams else None,
        both.target if "target" in stack.declared.streams else None,
    )


class Run:
    """A stack and its optimisers, one step at a time."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        student = torch.optim.AdamW(stack.student.parameters(), lr=1e-2)
        self.optimizers = [student, *stack.optimizers()]

    def step(self, step: int) -> dict[str, float]:
        torch.manual_seed(step)
        losses, _ = self.stack(streamed(self.stack, step), step)
        torch.stack(list(losses.values())).sum().backward()
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.stack.after_step(step)
        return {name: float(value.detach()) for name, value in losses.items()}

    def state(self) -> dict[str, Any]:
        """As it comes back from a file."""
        file = io.BytesIO()
        optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
        torch.save({"stack": self.stack.state_dict(), "optimizers": optimizers}, file)
        file.seek(0)
        found: dict[str, Any] = torch.load(file, weights_only=True)
        return found

    def load(self, state: dict[str, Any]) -> None:
        self.stack.load_state_dict(state["stack"])
        for optimizer, values in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(values)


@pytest.mark.parametrize("name", NAMES)
def test_config_is_frozen_with_documented_defaults(name: str) -> None:
    config: Any = plugins.get("methods", name).Config
    assert config.__dataclass_params__.frozen
    config()  # every field has a default
    text = inspect.getdoc(config) or ""
    for field in dataclasses.fields(config):
        assert re.search(rf"^ *{field.name}: \S", text, re.MULTILINE), field.name


@pytest.mark.parametrize("name", NAMES)
def test_a_paper_stands_in_the_docstring(name: str) -> None:
    method = plugins.get("methods", name)
    text = importlib.import_module(method.__module__).__doc__ or ""
    author = re.search(r"([\w'-]+)(?: et al\.| &|,)", method.paper)
    assert author and author[1] in text, "the module docstring names the paper's first author"
    assert re.search(r"\b(19|20)\d\d\b|arXiv:\d{4}", method.paper), "the paper has a year"
    assert len(plugins.summary("methods", name)) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_class_attributes_are_valid(name: str) -> None:
    method = plugins.get("methods", name)
    assert issubclass(method, Method)
    assert method.family in get_args(Family)
    assert method.streams <= {"source", "target"}
    assert method.maps <= set(plugins.names("maps"))
    assert not method.maps or ("target" in method.streams and not method.online)
    assert set(method.requires) <= set(NAMES) - {name}
    assert method.refuses(Task.BINARY) is None
    assert set(method.settings) <= {"lr", "weight_decay", "warmup", "power", "clip"}
    from_mapping(dict(method.settings))  # inside their ranges


@pytest.mark.parametrize("network", [ToyNetwork, AuxToyNetwork])
@pytest.mark.parametrize("name", NAMES)
def test_losses_are_finite_scalars_with_gradients(name: str, network: type[ToyNetwork]) -> None:
    stack = build(name, network)
    with torch.no_grad():  # sure of some pixels, as trained networks are: parts may ask for it
        stack.student.get_parameter("head.weight").mul_(8)
    own = set()
    for step in LATE:
        losses, metrics = stack(streamed(stack, step), step)
        assert losses
        own |= {key for key in losses if key.startswith(f"{name}/")}
        for key, value in losses.items():
            assert value.shape == () and value.dtype == torch.float32, key
            assert torch.isfinite(value) and value.requires_grad, key
        for key, value in metrics.items():
            assert value.numel() == 1 and torch.isfinite(value), key
        torch.stack(list(losses.values())).sum().backward()
        stack.after_step(step)
    assert own or plugins.get("methods", name).losses in WITHOUT, "its loss was not looked at"
    learning = ("head.weight", "stem.0.weight", "stem.1.weight")  # the last is batch norm's scale
    gradients = [stack.student.get_parameter(n).grad for n in learning]
    assert any(g is not None and bool(g.isfinite().all() and g.any()) for g in gradients)


@pytest.mark.parametrize("freeze", [1.0, 0.6])
@pytest.mark.parametrize("name", NAMES)
def test_the_state_makes_the_next_steps_bit_identical(name: str, freeze: float) -> None:
    first, again = Run(build(name, freeze=freeze)), Run(build(name, seed=1, freeze=freeze))
    for step in range(4):  # parts that start late have started
        first.step(step)
    again.load(first.state())
    for step in range(4, first.stack.setting.steps):
        assert first.step(step) == again.step(step)
    images = batch(first.stack.setting.task, seed=5).target.image  # type: ignore[union-attr]
    for one, two in (
        (first.stack, again.stack),
        [run.stack.predictor(lambda: iter(images.split(1))) for run in (first, again)],
    ):
        left, right = one.state_dict(), two.state_dict()
        assert left.keys() == right.keys()
        assert all(torch.equal(value, right[key]) for key, value in left.items())


@pytest.mark.parametrize("name", NAMES)
def test_losses_are_finite_float32_where_networks_run_in_bfloat16(name: str) -> None:
    stack = build(name, AuxToyNetwork)
    for step in LATE:
        with torch.autocast("cpu", torch.bfloat16):
            losses, metrics = stack(streamed(stack, step), step)
        for key, value in losses.items():
            assert value.dtype == torch.float32 and torch.isfinite(value), key
        assert all(torch.isfinite(value) for value in metrics.values())
        torch.stack(list(losses.values())).sum().backward()
        stack.after_step(step)


@pytest.mark.parametrize("name", NAMES)
def test_no_network_answers_the_same_images_twice(name: str) -> None:
    stack = build(name)
    seen: dict[int, list[torch.Tensor]] = {}
    for network in [m for m in stack.modules() if isinstance(m, ToyNetwork)]:
        seen[id(network)] = []
        network.register_forward_pre_hook(
            lambda module, inputs: seen[id(module)].append(inputs[0].clone())
        )
    for step in LATE:
        stack(streamed(stack, step), step)
        for images in seen.values():
            for i, one in enumerate(images):
                assert not any(torch.equal(one, other) for other in images[:i])
            images.clear()
        stack.after_step(step)


ALONE = ("online", "pretrains")
"""What makes a part the only one of its stack."""


@pytest.mark.parametrize(
    "name", [n for n in NAMES if not any(getattr(plugins.get("methods", n), a) for a in ALONE)]
)
def test_a_stack_makes_no_pass_that_its_parts_do_not_need(name: str) -> None:
    task = Task.BINARY

    def passes(names: list[str], step: int) -> tuple[list[torch.Tensor], Batch]:
        torch.manual_seed(0)
        stack = stacked(ToyNetwork(task.num_classes), names, {}, setting(task), "target").train()
        seen: list[torch.Tensor] = []
        stack.student.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
        images = streamed(stack, step)
        stack(images, step)
        return seen, images

    companions = [n for n in ("minent", "maxsquare") if n != name]
    for step in (0, 5):
        alone, _ = passes([name], step)
        beside, images = passes([name, *companions], step)
        for i, one in enumerate(beside):
            assert not any(torch.equal(one, other) for other in beside[:i]), "forwarded twice"
        assert images.target is not None
        has_target = any(torch.equal(one, images.target.image) for one in alone)
        assert len(beside) <= len(alone) + (0 if has_target else 1)


@pytest.mark.parametrize("name", NAMES)
def test_the_label_of_the_target_changes_nothing(name: str) -> None:
    runs = []
    for fill in (None, 1):
        stack = build(name)
        found = []
        for step in LATE:
            views = streamed(stack, step)
            if views.target is not None and fill is not None:
                label = torch.full((len(views.target.image), 32, 32), fill)
                views = Batch(views.source, replace(views.target, label=label))
            torch.manual_seed(step)
            found.append({k: float(v.detach()) for k, v in stack(views, step)[0].items()})
            stack.after_step(step)
        runs.append(found)
    assert runs[0] == runs[1]


@pytest.mark.parametrize("name", NAMES)
def test_the_predictor_answers_plain_images_like_the_student(name: str) -> None:
    stack = build(name)
    stack(streamed(stack, 0), 0)
    images = batch(stack.setting.task, seed=5).target.image  # type: ignore[union-attr]
    before = {key: value.clone() for key, value in stack.state_dict().items()}
    network = stack.predictor(lambda: iter(images.split(1)))
    with torch.no_grad():
        out = network(images)
    assert isinstance(network, ToyNetwork) and not network.training
    assert out.logits.shape == (len(images), stack.setting.num_classes, 8, 8)
    assert torch.isfinite(out.logits).all()
    assert network.state_dict().keys() == stack.student.state_dict().keys()
    after = stack.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


@pytest.mark.parametrize("task", TASKS, ids=lambda t: f"{t.num_classes}-{t.background}")
@pytest.mark.parametrize("name", NAMES)
def test_any_classes_are_learnt_or_refused_with_a_reason(name: str, task: Task) -> None:
    method = plugins.get("methods", name)
    if (reason := method.refuses(task)) is not None:
        assert not task.background and "background" in reason
        with pytest.raises(UsageError, match="cannot segment"):
            build(name, task=task)
        return
    stack = build(name, task=task)
    for step in LATE:
        losses, _ = stack(streamed(stack, step), step)
        total = torch.stack(list(losses.values())).sum()
        assert torch.isfinite(total)
        total.backward()
        stack.after_step(step)
    images = batch(task, seed=5).target.image  # type: ignore[union-attr]
    with torch.no_grad():
        out = stack.predictor(lambda: iter(images.split(1)))(images)
    assert out.logits.shape[1] == task.num_classes and torch.isfinite(out.logits).all()


@pytest.mark.parametrize("sizes", [(2, 4), (4, 2)])
@pytest.mark.parametrize("name", [n for n in NAMES if not plugins.get("methods", n).online])
def test_the_domains_may_have_batches_of_different_sizes(name: str, sizes: tuple[int, int]) -> None:
    stack = build(name)
    maps = stack.declared.maps
    source, target = (batch(count=count, maps=maps) for count in sizes)
    images = Batch(
        source.source if "source" in stack.declared.streams else None,
        target.target if "target" in stack.declared.streams else None,
    )
    for step in LATE:
        losses, _ = stack(images, step)
        assert all(bool(torch.isfinite(value)) for value in losses.values())
        stack.after_step(step)
