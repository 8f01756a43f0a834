import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from dagen.datasets.maps.teachers import known
from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.datasets.maps.teachers.opening import open_map
from dagen.datasets.upkeep.fetch import Patience
from dagen.errors import DataError, UsageError
from tests.teachers import write_onnx


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> known.Known:
    """A known teacher whose file is not here yet."""
    content = write_onnx(tmp_path / "made.onnx").read_bytes()
    u2netp = known.known("u2netp")
    teacher = replace(
        u2netp, name="tiny", file="tiny.onnx", bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        preparation=replace(u2netp.preparation, size=(16, 16)),
    )  # fmt: skip
    monkeypatch.setattr(known, "all_known", lambda: {"tiny": teacher})
    monkeypatch.setenv(known.VARIABLE, str(tmp_path / "teachers"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return teacher


def test_every_known_teacher_is_described() -> None:
    for name, teacher in known.all_known().items():
        assert teacher.name == name and teacher.address.startswith("https://")
        assert len(bytes.fromhex(teacher.sha256)) == 32 and teacher.bytes > 0
        assert teacher.licence and teacher.trained_on and teacher.paper


def test_a_missing_file_says_how_to_get_it(tiny: known.Known) -> None:
    with pytest.raises(DataError, match=r"dagen teacher get tiny.*DAGEN_TEACHERS"):
        open_map("tiny")


def test_a_file_in_either_folder_is_found_and_checked(
    tiny: known.Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (tmp_path / "made.onnx").read_bytes()
    for folder in reversed(known.folders()):
        folder.mkdir(parents=True)
        (folder / tiny.file).write_bytes(content)
        assert known.find(tiny) == folder / tiny.file
        kind = open_map("tiny")
        assert isinstance(kind, OnnxMap) and kind.sha256 == tiny.sha256
    (folder / tiny.file).write_bytes(content[:-1] + b"x")
    with pytest.raises(DataError, match="is not the known file of 'tiny'") as error:
        open_map("tiny")
    assert "\n" not in str(error.value)


def test_a_name_that_is_none_suggests_one(tiny: known.Known) -> None:
    with pytest.raises(UsageError, match=r"unknown teacher 'tinny'; did you mean 'tiny'"):
        open_map("tinny")
    with pytest.raises(UsageError, match="unknown teacher"):
        known.known("u2netp")


class Answers:
    """In place of a connection: gives these contents one after the other."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = list(contents)

    def __call__(self, address: str, part: Path) -> None:
        part.write_bytes(self.contents.pop(0))


def test_a_fetched_file_is_kept_only_if_it_is_the_known_one(
    tiny: known.Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (tmp_path / "made.onnx").read_bytes()
    patience = Patience(attempts=1, pause=0)
    answers = Answers(b"<html>", content)
    monkeypatch.setattr(known.Fetcher, "_download", lambda self, *given: answers(*given))
    with pytest.raises(DataError, match=r"did not give 'tiny'.*By hand: save the file as"):
        known.get(tiny, patience)
    assert [path.name for path in (tmp_path / "teachers").iterdir()] == [".tiny.onnx.lock"]
    path = known.get(tiny, patience)
    assert path == tmp_path / "teachers" / "tiny.onnx" and path.read_bytes() == content
    assert known.get(tiny, patience) == path  # no third answer is asked for
