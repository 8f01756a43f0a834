"""The training loop, independent of strategy, network and data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dagen.engine.compiling import compiling
from dagen.engine.stack import Stack
from dagen.engine.states import load_state, save_state
from dagen.errors import DagenError, Stopped, UsageError
from dagen.models.base import Network
from dagen.runs.compiled import Compiled
from dagen.runs.config import Config
from dagen.system.distributed import World
from dagen.system.seeding import hash_seed
from dagen.system.stopping import asked_to_stop
from dagen.types import Batch


@dataclass
class Hooks:
    """The functions that a loop calls, and when.

    Attributes:
        on_step: called after each step with its index and values (loss terms, learning rate), the
            means over the processes.
        names: returns the file names of a batch, for error messages.
        on_resume: called once with the step that the loop starts from.
        log_every: steps between two calls of ``on_step``.
        save_every: steps between two saved states.
        on_candidate: called after the steps of ``candidates``, on rank 0, before their states
            are saved.
        candidates: numbers of steps after which a checkpoint is kept to choose from.
        on_compiled: called at the end of a run that compiles, with what that cost and saved.
    """

    on_step: Callable[[int, dict[str, float]], None] = lambda step, figures: None
    names: Callable[[Batch], list[str]] = lambda batch: []
    on_resume: Callable[[int], None] = lambda step: None
    log_every: int = 10
    save_every: int = 50
    on_candidate: Callable[[int], None] = lambda step: None
    candidates: tuple[int, ...] = ()
    on_compiled: Callable[[Compiled], None] = lambda found: None


def fit(
    stack: Stack,
    batches: Callable[[int], Iterable[Batch]],
    config: Config,
    world: World,
    folder: Path,
    *,
    autocast: bool = False,
    hooks: Hooks | None = None,
) -> None:
    """Train ``stack`` to the end of its budget, from the newest state in ``folder`` if any.

    Args:
        stack: student and strategies, changed in place.
        batches: makes the batches from a given step on.
        config: budget and optimiser.
        world: this process's device and rank.
        folder: folder for states.
        autocast: whether convolutions and matrix products use bfloat16.
        hooks: progress, logging, names for error messages.

    Raises:
        DagenError: a loss or gradient is not finite (the message names step, term and files), a
            state cannot be written, or the student cannot be compiled.
        Stopped: SIGTERM or Ctrl-C came, to this process or another of the run; the state is saved.
    """
    hooks = hooks or Hooks()
    stack.to(world.device).to(memory_format=torch.channels_last)
    optimizers = [student_optimizer(stack.student, config), *stack.optimizers()]
    peaks = [[group["lr"] for group in optimizer.param_groups] for optimizer in optimizers]
    start = _resume(stack, optimizers, folder)
    hooks.on_resume(start)
    with compiling(stack, optimizers, config, world) as pace, asked_to_stop() as came:
        model = world.wrap(stack)
        model.train()
        for step, batch in enumerate(batches(start), start):
            pace.begin(step)
            # Dropout and the like depend on (seed, step) alone, so resuming needs no replay.
            torch.manual_seed(hash_seed(config.seed, step, f"rank{world.rank}"))
            scale = schedule(step, config)
            _scale_rates(optimizers, peaks, scale)
            batch = batch.to(world.device)
            with (
                torch.autocast(world.device.type, torch.bfloat16, enabled=autocast),
                _enough_values(config),
            ):
                losses, metrics = model(batch, step)
            total = torch.stack(list(losses.values())).sum()
            if not torch.isfinite(total):
                raise _not_finite(step, losses, hooks.names(batch))
            total.backward()
            norm = nn.utils.clip_grad_norm_(stack.student.parameters(), config.clip)
            if not torch.isfinite(norm):
                raise _not_finite(step, {"gradient": norm}, hooks.names(batch))
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            stack.after_step(step)
            pace.end()

            done = step + 1
            if done % hooks.log_every == 0 or done == config.steps:
                figures = {"loss": total, **losses, **metrics, "gradient_norm": norm}
                values = {name: float(value.detach()) for name, value in figures.items()}
                hooks.on_step(done, {**world.mean(values), "lr": config.lr * scale})
            if done in hooks.candidates and world.main:
                hooks.on_candidate(done)
            # Schedulers may signal one process only; all have to stop after the same step.
            stopping = world.anywhere(bool(came))
            if done % hooks.save_every == 0 or done == config.steps or stopping:
                if world.main:
                    save_state(folder, done, _state(stack, optimizers, done))
                world.barrier()
            if stopping and done < config.steps:
                raise Stopped(
                    f"stopped after step {done} of {config.steps}; resume by running it again.",
                    *came[:1],
                )
    if (found := pace.found()) is not None:
        hooks.on_compiled(found)


def schedule(step: int, config: Config) -> float:
    """The learning rate of ``step`` relative to its peak: linear warm-up, polynomial decay."""
    warmup = min(config.warmup, config.steps // 2)
    if step < warmup:
        return (step + 1) / warmup
    rest = (step - warmup) / max(1, config.steps - warmup)
    return float((1 - rest) ** config.power)


def student_optimizer(student: nn.Module, config: Config) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter, 2019); biases, norms and PReLU slopes are not decayed.

    An encoder that can be pretrained has groups of its own if the run gives it a learning rate of
    its own.
    """
    rate = config.lr * float(getattr(student, "lr_scale", 1.0))
    if config.encoder_lr_factor is None or not isinstance(student, Network):
        return torch.optim.AdamW(_groups(student.parameters(), config), lr=rate)
    named = list(student.named_parameters())
    encoder = _groups((p for name, p in named if student.in_encoder(name)), config)
    others = _groups((p for name, p in named if not student.in_encoder(name)), config)
    slow = [{**group, "lr": rate * config.encoder_lr_factor} for group in encoder]
    return torch.optim.AdamW([*others, *slow], lr=rate)


def _groups(parameters: Iterable[nn.Parameter], config: Config) -> list[dict[str, Any]]:
    """The trained ones of these parameters: with weight decay, and without."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return [g for g in groups if g["params"]]


def _scale_rates(
    optimizers: list[torch.optim.Optimizer], peaks: list[list[float]], scale: float
) -> None:
    for optimizer, rates in zip(optimizers, peaks, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * scale


def _state(stack: Stack, optimizers: list[torch.optim.Optimizer], step: int) -> dict[str, Any]:
    return {
        "step": step,
        "stack": stack.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }


def _resume(stack: Stack, optimizers: list[torch.optim.Optimizer], folder: Path) -> int:
    state = load_state(folder)
    if state is None:
        return 0
    stack.load_state_dict(state["stack"])
    for optimizer, values in zip(optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(values)
    return int(state["step"])


def _not_finite(step: int, losses: dict[str, Tensor], names: list[str]) -> DagenError:
    bad = [name for name, value in losses.items() if not math.isfinite(float(value.detach()))]
    return DagenError(
        f"step {step}: {', '.join(bad) or 'the sum of losses'} is not finite (batch: "
        f"{', '.join(names)}). Lower --lr, or check these files; the state before is kept."
    )


@contextmanager
def _enough_values(config: Config) -> Iterator[None]:
    """Explain batch norm's refusal to normalise a single value."""
    try:
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        height, width = config.size
        raise UsageError(
            f"a batch norm of {config.model} got one value per channel: one image of a domain in a "
            f"step (batch {config.batch}) at {height}x{width} is too little; give a larger --batch "
            "or --size."
        ) from None
