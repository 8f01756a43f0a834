from pathlib import Path

import pytest

from dagen.datasets.loading import opening
from dagen.datasets.taco import Taco
from dagen.errors import DataError, UsageError
from dagen.types import Task
from tests.tiny import make_resortit, make_taco


def test_the_flag_wins_over_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_taco(tmp_path / "a")
    make_taco(tmp_path / "b")
    monkeypatch.setenv("DAGEN_DATA", str(tmp_path / "a"))
    assert opening.root("taco") == tmp_path / "a" / "taco"
    assert opening.root("taco", tmp_path / "b") == tmp_path / "b" / "taco"


def test_a_home_folder_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    make_resortit(tmp_path)
    assert opening.root("resortit", Path("~")) == tmp_path / "resortit"


@pytest.mark.parametrize("variable", [None, ""])
def test_neither_is_given(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable is not None:
        monkeypatch.setenv("DAGEN_DATA", variable)
    with pytest.raises(DataError, match=r"Set DAGEN_DATA or --data-root .*`dagen data get taco`"):
        opening.root("taco")


def test_it_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'resortit' is not at .*`dagen data get resortit`") as got:
        opening.root("resortit", tmp_path)
    assert "\n" not in str(got.value)
    assert opening.place("resortit", tmp_path) == tmp_path / "resortit"


def test_unknown_names(tmp_path: Path) -> None:
    for ask in (opening.root, opening.place):
        with pytest.raises(UsageError, match="did you mean 'taco'"):
            ask("tacco", tmp_path)


def test_a_folder_here_is_named_with_a_separator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mybelt").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGEN_DATA", raising=False)
    with pytest.raises(UsageError, match=r"The folder mybelt is here: write \./mybelt\.$"):
        opening.root("mybelt")
    for name in ("nowhere", "9" * 5000, "a\0b"):
        with pytest.raises(UsageError, match=r"named by its path, such as \./mybelt\.$"):
            opening.root(name)


def test_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_taco(tmp_path)
    monkeypatch.setenv("DAGEN_DATA", str(tmp_path))
    dataset = opening.open_dataset("taco", "val", Task.BINARY)
    assert isinstance(dataset, Taco)
    assert (len(dataset), dataset.split, dataset.task) == (2, "val", Task.BINARY)


def test_procedural_sets_need_no_folder() -> None:
    assert len(opening.open_dataset("taco-synth", "val", Task.BINARY)) > 0
