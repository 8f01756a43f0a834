import pytest

from dagen.cli._speaking import one_voice, speaks


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
