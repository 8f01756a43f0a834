"""Pictures and pages from Python: the functions behind them are tested elsewhere."""

from pathlib import Path
from typing import Any

import pytest

import dagen
from dagen.visualization import gallery
from dagen.visualization.page import page

FOLDER = Path("somewhere")


@pytest.mark.parametrize("networks", ["a", Path("a"), ["a"], [Path("a")]])
def test_strings_become_paths_and_one_network_a_list(
    networks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def visualize(given: list[Path | str], **options: Any) -> gallery.Gallery:
        seen.update(options, given=given)
        return gallery.Gallery(FOLDER, [], [], [], [])

    monkeypatch.setattr(gallery, "visualize", visualize)
    assert dagen.visualize(networks, out="b", data_root="c", seed=3).folder == FOLDER
    assert [Path(each) for each in seen["given"]] == [Path("a")]
    assert (seen["out"], seen["data_root"], seen["seed"]) == (Path("b"), Path("c"), 3)


@pytest.mark.parametrize("run", ["a", Path("a"), ["a"], [Path("a")]])
def test_a_report_takes_strings_and_paths(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(given: list[str], runs: Path, out: Path | None, **_: Any) -> tuple[Path, list[Path]]:
        assert (given, runs, out) == (["a"], Path("b"), Path("c.html"))
        return out or FOLDER, [FOLDER]

    monkeypatch.setattr(page, "write", write)
    found = dagen.report(run, runs="b", out="c.html")
    assert (found.file, found.logged) == (Path("c.html"), [FOLDER])


def test_a_run_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(dagen.DagenError, match="none"):
        dagen.report("none", runs=str(tmp_path))
    with pytest.raises(dagen.DagenError, match=r"none"):
        dagen.visualize(str(tmp_path / "none"))
