import errno
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dagen.engine.loop import Hooks, fit, schedule, student_optimizer
from dagen.engine.stack import Stack
from dagen.engine.states import load_state, save_state
from dagen.errors import DagenError, Stopped
from dagen.runs.config import Config, from_mapping
from dagen.system.distributed import World
from dagen.types import Batch, View
from tests.toy import ToyNetwork, batch, setting, stacked

ALONE = World(0, 1, torch.device("cpu"))


def _config(steps: int = 6, **values: object) -> Config:
    return from_mapping({"task": "binary", "steps": steps, "warmup": 2, **values})


def _stack(method: str = "advent") -> Stack:
    torch.manual_seed(0)
    return stacked(ToyNetwork(2), (method,), {}, setting(), "target")


def _batches(start: int, steps: int = 6) -> Iterator[Batch]:
    return (batch(seed=step) for step in range(start, steps))


def _fit(folder: Path, method: str = "advent", hooks: Hooks | None = None) -> Stack:
    stack = _stack(method)
    fit(stack, _batches, _config(), ALONE, folder, hooks=hooks)
    return stack


def _equal(a: Stack, b: Stack) -> bool:
    left, right = a.state_dict(), b.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def test_training_moves_the_student_and_the_loss_goes_down(tmp_path: Path) -> None:
    losses: list[float] = []

    def on_step(step: int, figures: dict[str, float]) -> None:
        losses.append(figures["supervised/main"])

    one = batch(seed=0)
    stack = _stack("supervised")
    fit(
        stack,
        lambda start: (one for _ in range(start, 30)),
        _config(30, lr=0.05),
        ALONE,
        tmp_path,
        hooks=Hooks(on_step=on_step, log_every=1),
    )
    assert len(losses) == 30
    assert losses[-1] < losses[0]


def test_stopped_at_any_step_the_result_is_the_same_to_the_bit(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = _fit(tmp_path / "whole")
    for stop in range(1, 6):
        folder = tmp_path / str(stop)
        folder.mkdir()

        def die(step: int, figures: dict[str, float], at: int = stop) -> None:
            if step == at:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            _fit(folder, hooks=Hooks(on_step=die, log_every=1, save_every=1))
        resumed: list[int] = []
        hooks = Hooks(save_every=1, on_resume=resumed.append)
        assert _equal(_fit(folder, hooks=hooks), whole), stop
        assert resumed == [stop - 1]


def test_sigterm_saves_and_exits_with_143(tmp_path: Path) -> None:
    def terminate(step: int, figures: dict[str, float]) -> None:
        if step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped) as stopped:
        _fit(tmp_path, hooks=Hooks(on_step=terminate, log_every=1, save_every=100))
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    state = load_state(tmp_path)
    assert state is not None and state["step"] in (3, 4)


def test_ctrl_c_saves_and_exits_with_130_and_a_second_one_ends_at_once(tmp_path: Path) -> None:
    def interrupt(times: int) -> Hooks:
        def on_step(step: int, figures: dict[str, float]) -> None:
            for _ in range(times if step == 3 else 0):
                signal.raise_signal(signal.SIGINT)

        return Hooks(on_step=on_step, log_every=1, save_every=100)

    # A shell's background jobs ignore SIGINT, and so would the loop.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(Stopped, match="after step 3") as stopped:
            _fit(tmp_path, hooks=interrupt(1))
        assert stopped.value.exit_code == 130
        state = load_state(tmp_path)
        assert state is not None and state["step"] == 3
        with pytest.raises(KeyboardInterrupt):
            _fit(tmp_path / "other", hooks=interrupt(2))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("other", ["folder", "link"])
def test_a_state_that_is_no_file_is_skipped(
    tmp_path: Path, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    save_state(tmp_path, 2, {"step": 2})
    path = tmp_path / "state-00000003.pt"
    if other == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "missing")
    state = load_state(tmp_path)
    assert state is not None and state["step"] == 2
    assert "state-00000003.pt is damaged and is skipped" in caplog.text


def test_a_state_that_the_system_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be whole: to skip it without a word could lose hours."""
    save_state(tmp_path, 2, {"step": 2})

    def refuse(path: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DagenError, match=r"state-00000002\.pt cannot be read: permission denied;"):
        load_state(tmp_path)


def test_a_loss_that_is_not_finite_names_step_term_and_files(tmp_path: Path) -> None:
    def poisoned(start: int) -> Iterator[Batch]:
        for step in range(start, 6):
            good = batch(seed=step)
            if step < 2:
                yield good
                continue
            assert good.source is not None
            image = good.source.image.clone()
            image[0, 0, 0, 0] = float("nan")
            yield Batch(View(image, good.source.index, good.source.label), good.target)

    hooks = Hooks(names=lambda b: ["belt/1.png"], save_every=1)
    with pytest.raises(DagenError, match=r"step 2: supervised/.* belt/1\.png") as error:
        fit(_stack("supervised"), poisoned, _config(), ALONE, tmp_path, hooks=hooks)
    assert "\n" not in str(error.value)
    state = load_state(tmp_path)
    assert state is not None and state["step"] == 2


def test_the_schedule_warms_up_and_decays_to_nearly_nothing() -> None:
    config = _config(100, warmup=10, power=0.9)
    scales = [schedule(step, config) for step in range(100)]
    assert scales[0] == pytest.approx(0.1)
    assert max(scales) == scales[9] == scales[10] == 1
    assert scales[55] == pytest.approx((45 / 90) ** 0.9)
    assert 0 < scales[-1] < 0.02
    assert max(schedule(step, _config(4, warmup=50)) for step in range(4)) == 1


def test_vectors_are_not_decayed() -> None:
    groups = student_optimizer(ToyNetwork(2), _config()).param_groups
    assert all(p.ndim > 1 for p in groups[0]["params"])
    assert all(p.ndim == 1 for p in groups[1]["params"])
    assert groups[0]["weight_decay"] > 0 == groups[1]["weight_decay"]


def test_the_loop_names_no_method() -> None:
    from dagen import plugins
    from dagen.engine.loop import __file__

    text = Path(str(__file__)).read_text(encoding="utf-8")
    assert not [name for name in plugins.names("methods") if f'"{name}"' in text]
