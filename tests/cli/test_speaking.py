import pytest

from dagen.cli import app
from dagen.cli._speaking import SHARED, one_voice, require_alone, speaks
from dagen.errors import UsageError


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, "told\n"),
        ({"RANK": "3"}, "told\n"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "told\n"),
        ({"WORLD_SIZE": "2", "RANK": "1"}, ""),
    ],
)
def test_of_several_processes_rank_0_alone_prints(
    variables: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with one_voice():
        print("told")
    assert capsys.readouterr().out == expected
    assert speaks() == bool(expected)


def test_a_command_that_is_not_shared_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    for command in SHARED:
        require_alone(command)
    # Rank 1 would wait for the grid that rank 0 runs, and rank 0 for rank 1 in its first cell.
    with pytest.raises(
        UsageError, match=r"benchmark runs in one process, and there are 2: .*--jobs"
    ):
        app(["benchmark", "missing.toml"], standalone_mode=False)
    monkeypatch.setenv("WORLD_SIZE", "1")
    with pytest.raises(UsageError, match=r"missing\.toml"):
        app(["benchmark", "missing.toml"], standalone_mode=False)
