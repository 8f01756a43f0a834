"""``dagen benchmark`` as a user types it."""

from pathlib import Path

import pytest

from dagen import cli
from dagen.benchmarking import attempt, execution, share_run
from tests.benchmarking import fake
from tests.benchmarking.conftest import BASE, GRID, ROWS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "small.toml").write_text(BASE + GRID + ROWS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def dagen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *args: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["dagen", "benchmark", *args])
    code = 0
    try:
        cli.main()
    except SystemExit as end:
        code = int(end.code or 0)
    return code, *capsys.readouterr()


def test_failures_are_listed_together_and_the_next_call_resumes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = execution.run_benchmark
    monkeypatch.setattr(
        execution, "run_benchmark", lambda *a, **k: run(*a, **k, runner=fake.unlucky)
    )
    code, out, err = dagen(monkeypatch, capsys, "small", "--no-track", "--device", "cpu")
    assert code == 1
    assert "8 of 11 cells are done." in out and "| source-only |" in out
    assert "cell 1 of 11: source-only/enet/binary/s0" in err
    lines = [line for line in err.splitlines() if line.startswith("dagen: ")]
    assert "dagen: adabn/enet/binary/s0, adabn/enet/binary/s1 failed: the disk is full" in lines[-2]
    assert "run the same command again" in lines[-1]

    monkeypatch.setattr(execution, "run_benchmark", lambda *a, **k: run(*a, **k, runner=fake.good))
    code, out, err = dagen(monkeypatch, capsys, "benchmarks/small.toml", "--no-track", "--quiet")
    assert code == 0 and "11 of 11 cells are done." in out and err == ""
    assert (folder / "benchmarks" / "results" / "small.md").is_file()
    trusted = "--dry-run", "--trust-records", "--runs", str(folder / "elsewhere")
    code, out, _ = dagen(monkeypatch, capsys, "small", *trusted)
    assert code == 0 and out == "small: no cell is left to do.\n"


def test_a_dry_run_shows_every_cell_and_runs_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(attempt, "train", None)
    code, out, _ = dagen(monkeypatch, capsys, "small", "--dry-run", "--only", "*/s1")
    assert code == 0
    for row in ("source-only", "adabn", "oracle+source"):
        assert f"{row}/enet/binary/s1" in out
    assert "s0" not in out.replace("-s0-", "") and "5 of 5 cells to do" in out
    assert sorted(path.name for path in folder.rglob("*")) == ["benchmarks", "small.toml"]


def test_the_jobs_of_an_array_run_a_share_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = share_run.run_share
    monkeypatch.setattr(share_run, "run_share", lambda *a, **k: run(*a, **k, runner=fake.unlucky))
    code, out, _ = dagen(monkeypatch, capsys, "small", "--dry-run", "--share", "2/2")
    assert code == 0 and "5 of 5 cells to do" in out
    code, out, err = dagen(monkeypatch, capsys, "small", "--no-track", "-q", "--share", "2/2")
    assert code == 1 and out == "Share 2/2 of small: 5 cells, 2 failed.\n"
    assert "adabn/enet/binary/s1 failed: the disk is full" in err
    assert not (folder / "benchmarks" / "results").exists()


def test_a_new_file_is_written_once_and_can_be_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = dagen(monkeypatch, capsys, "new", "mine")
    assert code == 0 and "`dagen benchmark mine`" in out
    code, out, _ = dagen(monkeypatch, capsys, "mine", "--dry-run", "--only", "advent")
    assert code == 0 and "3 of 3 cells to do" in out
    code, _, err = dagen(monkeypatch, capsys, "new", "mine")
    assert code == 2 and "mine.toml is there already" in err


def test_a_folder_runs_all_of_its_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "benchmarks" / "many").mkdir()
    for name in ("a", "b"):
        (folder / "benchmarks" / "many" / f"{name}.toml").write_text(BASE + GRID + ROWS)
    run = execution.run_benchmark
    monkeypatch.setattr(execution, "run_benchmark", lambda *a, **k: run(*a, **k, runner=fake.good))
    code, out, _ = dagen(monkeypatch, capsys, "many", "--no-track", "--quiet")
    assert code == 0 and out.count("11 of 11 cells are done.") == 2
    assert {f.name for f in (folder / "benchmarks/many/results").glob("*.md")} == {"a.md", "b.md"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["smal"], "did you mean 'small'"),
        (["new"], "name the file to write"),
        (["small", "large"], "one benchmark at a time: 'large' follows small"),
        (["nowhere.toml"], "cannot read nowhere.toml"),
        (["small", "--only", "nothing"], "no cell of small matches 'nothing'"),
        (["small", "--engine", "rya"], "unknown engine 'rya'; did you mean 'ray'?"),
        (["small", "--cpus", "2"], "--cpus is for a Ray cluster; give --engine ray, too."),
        (["small", "--engine", "ray", "--share", "1/2"], "Ray to its machines; give one of both"),
        (["small", "--engine", "ray", "--memory", "much"], "--memory is 'much'; give a size"),
        (["small", "--share", "3/2"], "the share is '3/2'; give its number and how many"),
    ],
)
def test_bad_input_is_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    message: str,
) -> None:
    code, _, err = dagen(monkeypatch, capsys, *args)
    assert code == 2 and message in err and len(err.splitlines()) == 1
