"""What is shown of a long task, in a terminal, in a log file, and not at all."""

import io
import threading

import pytest

from dagen.system.progress import Progress


class Clock:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_come_every_few_seconds_and_at_the_end() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream=stream, every=10, clock=clock) as progress:
        task = progress.task("training", total=40)
        for step in range(40):
            clock.now += 1
            task.advance(figures={"loss": 1 / (step + 1), "lr": 0.001})
    assert stream.getvalue().splitlines() == [
        "training: 10/40 (25 %), 0:00:30 left, loss 0.1, lr 0.001",
        "training: 20/40 (50 %), 0:00:20 left, loss 0.05, lr 0.001",
        "training: 30/40 (75 %), 0:00:10 left, loss 0.03333, lr 0.001",
        "training: 40/40 (100 %), loss 0.025, lr 0.001",
    ]


def test_a_resumed_task_does_not_count_what_an_earlier_attempt_did() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream=stream, every=0, clock=clock) as progress:
        task = progress.task("training", total=1000)
        for done in (900, 910):
            task.update(done)
            clock.now += 5
        assert task.seconds_left == 90  # 10 units took 5 s, and 5 s more have passed
    assert stream.getvalue().splitlines()[1] == "training: 910/1000 (91 %), 0:00:45 left"


def test_a_task_of_unknown_length() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream=stream, every=0, clock=clock) as progress:
        task = progress.task("reading")
        task.advance(3)
    assert task.seconds_left is None and not task.finished
    assert stream.getvalue() == "reading: 3\n"


def test_tasks_keep_their_own_time() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(stream=stream, every=10, clock=clock) as progress:
        first = progress.task("first", 100)
        clock.now += 6
        second = progress.task("second", 100)
        clock.now += 6
        first.advance()
        second.advance()
    assert stream.getvalue() == "first: 1/100 (1 %)\n"


def test_quiet_shows_nothing() -> None:
    stream = Terminal()
    with Progress(quiet=True, stream=stream, every=0) as progress:
        progress.task("training", total=1).advance(figures={"loss": 1.0})
    assert stream.getvalue() == ""


def test_standard_error_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(every=0) as progress:
        progress.task("training", total=1).advance()
    out, err = capsys.readouterr()
    assert out == "" and err == "training: 1/1 (100 %)\n"


@pytest.mark.parametrize("term", ["xterm-256color", "vt100", "linux", "no-such-terminal", ""])
def test_a_terminal_gets_a_live_bar_without_a_thread(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term)
    clock, stream, threads = Clock(), Terminal(), threading.active_count()
    with Progress(stream=stream, clock=clock) as progress:
        task = progress.task("training [a/b]", total=4)
        assert threading.active_count() == threads
        for _ in range(4):
            clock.now += 60
            task.advance(figures={"loss": 0.25})
    shown = stream.getvalue()
    assert "training [a/b]" in shown and "0:02:00 left" in shown
    assert "4/4" in shown and "loss 0.25" in shown
    assert "\x1b[" in shown  # the cursor moves: one bar is redrawn in place


def test_a_live_bar_is_redrawn_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    clock, stream = Clock(), Terminal()
    with Progress(stream=stream, clock=clock) as progress:
        task = progress.task("training", total=1000)
        task.advance()
        size = len(stream.getvalue())
        for _ in range(50):
            clock.now += 0.001
            task.advance()
        assert len(stream.getvalue()) == size
        clock.now += 1
        task.advance()
        assert len(stream.getvalue()) > size


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch, term: str) -> None:
    monkeypatch.setenv("TERM", term)
    stream = Terminal()
    with Progress(stream=stream, every=0) as progress:
        progress.task("training", total=2).advance()
    assert stream.getvalue() == "training: 1/2 (50 %)\n"


@pytest.mark.parametrize("name", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_log_file_gets_lines_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, "1")
    stream = io.StringIO()
    with Progress(stream=stream, every=0) as progress:
        progress.task("training", total=2).advance()
    assert stream.getvalue() == "training: 1/2 (50 %)\n"


def test_a_bar_is_taken_down_when_the_task_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pytest.raises(ValueError, match="broken"), Progress(stream=stream) as progress:
        progress.task("training", total=2).advance()
        raise ValueError("broken")
    assert stream.getvalue().endswith(("\n", "\x1b[?25h"))  # the cursor is shown again
