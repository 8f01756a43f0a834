"""A compiled student learns what a plain one learns, and says what compiling cost."""

import dataclasses
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dagen import plugins
from dagen.engine.loop import Hooks, fit
from dagen.engine.run import run
from dagen.engine.stack import Stack
from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.runs import results
from dagen.runs.compiled import PLAIN_STEPS, Compiled
from dagen.runs.config import from_mapping
from dagen.runs.note import note
from dagen.runs.plan import plan_run
from dagen.runs.runtime import Runtime
from dagen.system.distributed import ALONE
from dagen.types import Batch, Task
from tests.engine.shares import JOBS, Job, PlainToyNetwork, whole_batch
from tests.toy import setting, stacked

STEPS = PLAIN_STEPS + 3
CLOSE = dict(rtol=1e-4, atol=1e-5)
HOOKED = {"features": 0.0, "mixstyle": 0.5, "dsu": 0.5}
"""Share of the passes that are compiled, where a strategy hooks into the others."""
FAMILIES = {
    **JOBS,
    "dacs": Job(("supervised", "dacs"), {"dacs": {"start": 0.0}}),
    "mixstyle": Job(("supervised", "mixstyle", "minent")),
    "dsu": Job(("supervised", "dsu", "minent"), {"dsu": {"p": 1.0}}),
    "shared": Job(("supervised", "minent"), batch_norm="shared"),
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The student is traced as for compiling, but no machine code is made, which takes longer."""
    real = torch.compile

    def trace(call: Any, **options: Any) -> Any:
        options.pop("options", None)
        return real(call, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", trace)


class Dropping(PlainToyNetwork):
    """With dropout, whose draws must not depend on the compiler."""

    def __init__(self, num_classes: int, width: float = 1.0) -> None:
        super().__init__(num_classes, width)
        self.stem.append(nn.Dropout2d(0.3))


class Ended(Exception):
    pass


def trained(
    folder: Path,
    job: Job = FAMILIES["advent"],
    *,
    compile: bool = True,
    network: type[Network] = PlainToyNetwork,
    freeze: float = 1.0,
    end: int | None = None,
) -> tuple[Stack, list[float], list[Compiled]]:
    """The stack after a run from the newest state in ``folder`` on, its losses, and its cost."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    facts = replace(setting(Task.MATERIAL, steps=STEPS), loss=job.loss)
    student = network(Task.MATERIAL.num_classes)
    stack = stacked(student, job.methods, job.configs, facts, job.batch_norm, freeze)
    losses, found = list[float](), list[Compiled]()

    def on_step(step: int, figures: dict[str, float]) -> None:
        losses.append(figures["loss"])
        if step == end:
            raise Ended

    def batches(start: int) -> Iterator[Batch]:
        return (whole_batch(step) for step in range(start, STEPS))

    config = from_mapping(
        {"task": "material", "steps": STEPS, "warmup": 0, "lr": 1e-3, "compile": compile}
    )
    hooks = Hooks(on_step=on_step, log_every=1, save_every=1, on_compiled=found.append)
    fit(stack, batches, config, ALONE, folder, hooks=hooks)
    return stack, losses, found


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if not name.endswith(".items") and "agreed" not in name:
            torch.testing.assert_close(value, theirs[name], msg=name, equal_nan=True, **CLOSE)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_compiled_computes_what_a_plain_run_does(name: str, tmp_path: Path) -> None:
    job = FAMILIES[name]
    plain, expected, none = trained(tmp_path / "plain", job, compile=False)
    stack, losses, (found,) = trained(tmp_path / "compiled", job)
    assert none == []
    assert losses[:PLAIN_STEPS] == expected[:PLAIN_STEPS]  # to the bit
    assert torch.allclose(torch.tensor(losses), torch.tensor(expected), **CLOSE)
    same(stack.state_dict(), plain.state_dict())
    assert found.passes == HOOKED.get(name, 1.0)
    assert found.steps == STEPS - PLAIN_STEPS and found.plain is not None


def test_a_strategy_of_every_family_is_among_them() -> None:
    kinds = [plugins.get("methods", name) for name in plugins.names("methods")]
    # Rounding makes whole steps of differences in the last digit, so qat is not equal: no family.
    families = {kind.family for kind in kinds if not kind.online} - {"deployment"}
    shown = {plugins.get("methods", n).family for job in FAMILIES.values() for n in job.methods}
    assert shown == families


@pytest.mark.usefixtures("traced")
def test_frozen_batch_norm_is_that_of_a_plain_run(tmp_path: Path) -> None:
    freeze = (PLAIN_STEPS + 1) / STEPS
    plain, _, _ = trained(tmp_path / "plain", compile=False, freeze=freeze)
    stack, _, (found,) = trained(tmp_path / "compiled", freeze=freeze)
    same(stack.state_dict(), plain.state_dict())
    assert found.passes == 1


def test_machine_code_drops_out_the_same_and_rounds_otherwise(tmp_path: Path) -> None:
    plain, _, _ = trained(tmp_path / "plain", compile=False, network=Dropping)
    stack, _, (found,) = trained(tmp_path / "compiled", network=Dropping)
    same(stack.state_dict(), plain.state_dict())
    assert found.passes == 1 and found.seconds > 0


def test_stopped_before_or_after_compiling_it_goes_on_to_the_same_bit(tmp_path: Path) -> None:
    whole, _, _ = trained(tmp_path / "whole", network=Dropping)
    for end in (PLAIN_STEPS - 2, PLAIN_STEPS + 2):
        folder = tmp_path / str(end)
        with pytest.raises(Ended):
            trained(folder, network=Dropping, end=end)
        torch.compiler.reset()  # as in a new process
        again, losses, (found,) = trained(folder, network=Dropping)
        assert len(losses) == STEPS - end + 1  # the state of the last step was not saved
        assert (found.plain is None) == (end > PLAIN_STEPS)
        state = again.state_dict()
        assert all(torch.equal(state[k], v) for k, v in whole.state_dict().items()), end


@pytest.mark.usefixtures("traced")
def test_copies_are_plain_and_take_any_size(tmp_path: Path) -> None:
    stack, _, _ = trained(tmp_path, FAMILIES["dacs"])
    with torch.compiler.set_stance("fail_on_recompile"):
        for network in (stack.predictor(), stack.student):
            for side in (32, 48, 64):
                assert network(torch.rand(1, 3, side, side)).logits.shape[2] == side // 4
    assert (
        stack.state_dict().keys()
        == trained(tmp_path / "p", FAMILIES["dacs"], compile=False)[0].state_dict().keys()
    )


class Printing(PlainToyNetwork):
    """What it prints depends on the image, so that it cannot be one compiled graph."""

    def forward(self, image: Tensor) -> Any:
        print(float(image.mean()))
        return super().forward(image)


@pytest.mark.usefixtures("traced")
def test_a_network_that_cannot_be_compiled_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DagenError, match=r"enet cannot be compiled here \(.*Leave compile out"):
        trained(tmp_path, network=Printing)
    assert trained(tmp_path / "plain", network=Printing, compile=False)[2] == []


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network ``toy``, as a plug-in."""
    real, listed = plugins.get, plugins.names
    made = {("models", "toy"): PlainToyNetwork}
    monkeypatch.setattr(
        plugins, "get", lambda kind, name: made.get((kind, name)) or real(kind, name)
    )
    monkeypatch.setattr(
        plugins, "names", lambda kind: [*listed(kind), *(["toy"] if kind == "models" else [])]
    )


SMALL = {
    "src": "resortit", "tgt": "taco", "model": "toy", "task": "material", "size": [32, 32],
    "method": "advent", "steps": STEPS, "batch": 4, "warmup": 1, "compile": True,
}  # fmt: skip


@pytest.mark.usefixtures("traced")
def test_the_result_says_what_compiling_cost(toy: None, runtime: Runtime) -> None:
    result = run(from_mapping(SMALL), runtime)
    assert result.compiled is not None and result.compiled.passes == 1
    assert f"Compiled: {result.compiled}" in note(result, None)
    again = results.load(result.folder)
    assert again is not None and again.compiled == result.compiled
    assert again.config["compile"] is True


def test_without_a_compiler_nothing_begins(toy: None, runtime: Runtime) -> None:
    from torch._inductor import config as inductor

    with (
        inductor.patch({"cpp.cxx": ("no-compiler-of-this-name",)}),
        pytest.raises(DagenError, match=r"needs a C\+\+ compiler.*leave compile out") as error,
    ):
        run(from_mapping(SMALL), runtime)
    assert "\n" not in str(error.value)
    assert not list(runtime.runs.rglob("log.jsonl"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sync_batch_norm": True}, "cannot exchange the statistics of sync_batch_norm"),
        ({"steps": PLAIN_STEPS}, f"begins after step {PLAIN_STEPS}, and this run has"),
        ({"method": "tent", "init": "x.safetensors"}, "'tent' sees each image of a stream once"),
    ],
)
def test_what_cannot_be_compiled_is_refused(values: dict[str, Any], message: str) -> None:
    config = from_mapping({**SMALL, "model": "enet", **values})
    with pytest.raises(UsageError, match=message):
        plan_run(config)
    plan_run(dataclasses.replace(config, compile=False))
