"""Runs from Python: keywords, a configuration or a file, and paths as strings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import dagen
from dagen.api.settings import Settings
from dagen.api.training import configuration
from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from tests import tiny

RUN: dagen.Settings = {
    "src": "resortit", "model": "enet", "width": 0.25, "task": "binary", "size": (32, 64),
    "steps": 2, "batch": 2, "warmup": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api")
    tiny.make_resortit(folder / "data", train=2, val=1)
    tiny.make_taco(folder / "data", train=2, val=1)
    return folder


@pytest.fixture(scope="module")
def runtime(place: Path) -> dagen.Runtime:
    return dagen.Runtime(
        runs=str(place / "runs"), data_root=str(place / "data"), device="cpu", workers=0,
        track=False, quiet=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(runtime: dagen.Runtime) -> dagen.RunResult:
    return dagen.train(runtime=runtime, **RUN)


def test_a_run_and_the_same_run_again(trained: dagen.RunResult, runtime: dagen.Runtime) -> None:
    assert trained.folder.parent == runtime.runs and trained.model.is_file()
    assert 0 <= trained.score("resortit") <= 1
    again = dagen.train(from_mapping(RUN), runtime=runtime)  # finished: nothing is trained
    assert again.name == trained.name and again.seconds == trained.seconds


def test_adapting_from_a_file_that_says_what_to_do(
    place: Path, trained: dagen.RunResult, runtime: dagen.Runtime
) -> None:
    file = place / "adapt.toml"
    file.write_text('src = "resortit"\ntgt = "taco"\nmethod = "minent"\nsteps = 9\nwarmup = 1')
    result = dagen.adapt(str(file), runtime=runtime, init=trained.model, steps=1, batch=2)
    assert tuple(result.config["method"]) == ("minent",)
    assert result.config["steps"] == 1 and result.config["init"] == str(trained.model)
    assert set(result.scores) == {"resortit", "taco"}
    assert result.baseline is not None and set(result.baseline.scores) == set(result.scores)


def test_a_grid_of_one_run(place: Path, runtime: dagen.Runtime) -> None:
    file = place / "grid.toml"
    settings = "\n".join(
        f"{k} = {list(v) if isinstance(v, tuple) else v!r}" for k, v in RUN.items()
    )
    file.write_text(f'[base]\n{settings}\n[[row]]\nname = "source-only"')
    found = dagen.benchmark(str(file), runtime=runtime, out=str(place / "results"))
    assert [record.row for record in found.records] == ["source-only"] and not found.failures
    assert (runtime.runs / found.records[0].run).is_dir()
    assert all(path.parent == place / "results" for path in found.files)


def test_settings_win_over_a_configuration_and_all_of_it_is_checked() -> None:
    base = from_mapping({"tgt": "taco", "method": "best"})
    assert base.recipe == "best"
    other = configuration(base, {"seed": 3, "size": "64x128", "init": Path("a.safetensors")})
    assert other == replace(base, seed=3, size=(64, 128), init="a.safetensors")
    assert other.recipe == "best" and configuration(base, {"method": "advent"}).recipe is None
    assert configuration(base, {"tgt": None}).tgt is None
    with pytest.raises(UsageError, match="steps"):
        configuration(dagen.Config(steps=-1), {})
    with pytest.raises(UsageError, match="did you mean 'method'"):
        configuration(base, {"metod": "advent"})  # type: ignore[typeddict-unknown-key]


def test_a_checkpoint_says_which_network_it_is(
    trained: dagen.RunResult, runtime: dagen.Runtime
) -> None:
    for init in (trained.model, f"run:{trained.name}"):
        given: Settings = {"tgt": "taco", "method": "minent", "init": init}
        found = configuration(None, given, runs=runtime.runs)
        assert (found.width, found.task, found.size) == (0.25, "binary", (32, 64))
        other: Settings = {**given, "model": "lite"}
        with pytest.raises(UsageError, match=r"enet \(width 0.25, binary\); this run trains lite"):
            dagen.adapt(runtime=runtime, **other)
    with pytest.raises(dagen.DagenError, match="run:gone: there is no finished run"):
        dagen.train(runtime=runtime, init="run:gone")


def test_adapt_needs_a_target() -> None:
    with pytest.raises(dagen.DagenError, match="--tgt"):
        dagen.adapt(src="resortit-synth", method="minent")


def test_paths_of_a_runtime_may_be_strings() -> None:
    found = dagen.Runtime(runs="x", data_root="y", parent="z")
    assert (found.runs, found.data_root, found.parent) == (Path("x"), Path("y"), Path("z"))
    assert found == dagen.Runtime(runs=Path("x"), data_root=Path("y"), parent=Path("z"))
    assert dagen.Runtime() == dagen.Runtime("runs", None)
    with pytest.raises(UsageError, match=r"precision 'half'.* Allowed: auto"):
        dagen.Runtime(precision="half")


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": -1},
        {"workers": 1.5},
        {"workers": "2"},
        {"save_every": 0},
        {"save_every": None},
        {"precision": None},
    ],
)
def test_a_wrong_value_of_a_runtime_is_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} .*(whole number|Allowed)"):
        dagen.Runtime(**wrong)
