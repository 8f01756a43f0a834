"""Drafts of killed processes go; those of living ones stay."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dagen.system import drafts
from dagen.system.drafts import open_draft, sweep
from dagen.system.files import write_atomically

_WRITER = """
import sys, time
from pathlib import Path
from dagen.system.files import write_atomically

def write(file):
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    sys.stdin.readline()

write_atomically(Path(sys.argv[1]), write)
"""


def _writer(path: Path) -> "subprocess.Popen[str]":
    """Another process in the middle of writing a file."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "writing\n"
    return process


def test_the_draft_of_a_killed_process_goes_and_that_of_a_living_one_stays(tmp_path: Path) -> None:
    dead, living = _writer(tmp_path / "dead.bin"), _writer(tmp_path / "living.bin")
    try:
        dead.send_signal(signal.SIGKILL)
        dead.communicate()
        assert len(list(tmp_path.glob(".*.tmp"))) == 2
        sweep(tmp_path)
        (draft,) = tmp_path.glob(".*.tmp")
        assert draft.name.startswith(".living.bin.")
        living.communicate("go on\n")
    finally:
        living.kill()
    assert living.returncode == 0
    assert (tmp_path / "living.bin").read_bytes() == b"half"
    assert os.listdir(tmp_path) == ["living.bin"]


def test_the_next_process_that_writes_into_the_folder_sweeps_it(tmp_path: Path) -> None:
    (tmp_path / ".other.bin.0123abcd.tmp").write_bytes(b"half")
    code = "import sys; from pathlib import Path; from dagen.system.files import write_atomically;"
    code += "write_atomically(Path(sys.argv[1]), b'whole')"
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file.bin")],
        cwd=Path(__file__).parents[2],
        check=True,
    )
    assert os.listdir(tmp_path) == ["file.bin"]


@pytest.mark.parametrize(
    "name", ["notes.tmp", ".notes.tmp", ".a.0123ABCD.tmp", ".a.0123abcd.tmp~", "a.0123abcd.tmp"]
)
def test_other_files_stay(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"mine")
    sweep(tmp_path)
    assert os.listdir(tmp_path) == [name]


def test_links_and_folders_of_such_a_name_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    (tmp_path / ".a.0123abcd.tmp").symlink_to("mine")
    (tmp_path / ".b.0123abcd.tmp").mkdir()
    sweep(tmp_path)
    sweep(tmp_path / "nowhere")
    assert len(os.listdir(tmp_path)) == 3


def test_a_draft_that_is_swept_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, removed = drafts._lock, []

    def late(descriptor: int, *, wait: bool) -> bool:
        if not removed:  # another process is faster, once
            (draft,) = tmp_path.glob(".*.tmp")
            draft.unlink()
            removed.append(draft)
        return real(descriptor, wait=wait)

    monkeypatch.setattr(drafts, "_lock", late)
    draft, file = open_draft(tmp_path / "file.bin")
    file.close()
    assert removed and draft.exists() and draft not in removed


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that knows no locks cannot say whether a writer lives."""
    (tmp_path / ".a.0123abcd.tmp").write_bytes(b"half")
    monkeypatch.setattr(drafts, "_lock", lambda descriptor, *, wait: False)
    sweep(tmp_path)
    write_atomically(tmp_path / "file.bin", b"whole")
    assert sorted(os.listdir(tmp_path)) == [".a.0123abcd.tmp", "file.bin"]
