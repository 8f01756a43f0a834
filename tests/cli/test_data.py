"""``dagen data``: downloads with options of their own, and the check of people's own sets."""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pytest
from filelock import FileLock
from pydantic import Field
from typer.testing import CliRunner

from dagen import cli, plugins
from dagen.datasets.base import Dataset
from dagen.datasets.loading.cache import DecodeCache, compiled_folder
from dagen.datasets.upkeep import check, download
from dagen.errors import DagenError, UsageError
from dagen.types import Task
from tests import tiny
from tests.own import make_masks, make_roboflow
from tests.server import serving


def get(*args: object) -> tuple[int, str, str]:
    found = CliRunner().invoke(cli.app, ["data", "get", *map(str, args)])
    if isinstance(found.exception, DagenError):
        raise found.exception
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.stdout, found.stderr


def test_taco_resumes_and_names_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, folder = tiny.make_taco(tmp_path / "origin"), tmp_path / "sets" / "taco"
    document = json.loads((origin / "data" / "annotations.json").read_text())
    with serving(monkeypatch) as server:
        for image in document["images"]:
            address = f"/{image['file_name']}"
            server.files[address] = (origin / "data" / image["file_name"]).read_bytes()
            image.update(flickr_url=server.address(address), flickr_640_url=None)
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "annotations.json").write_text(json.dumps(document))
        lost = server.files.pop(address)
        common = ("taco", "--data-root", tmp_path / "sets", "--quiet")
        code, out, err = get(*common, "--workers", 2)
        assert code == 1 and out.startswith("Images: 5 downloaded, 0 already there.")
        assert address[1:] in err and "1 of 6 images are missing" in err
        server.files[address] = lost
        code, out, err = get(*common, "--workers=1")
    assert code == 0 and not err
    assert out.startswith("Images: 1 downloaded, 5 already there.")
    assert f"taco is in {folder}" in out


def test_resortit_takes_an_archive(tmp_path: Path) -> None:
    origin = tiny.make_resortit(tmp_path / "origin")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in origin.rglob("*.png"):
            archive.write(path, path.relative_to(origin))
    sets = tmp_path / "sets"
    code, out, _ = get("resortit", "--archive", tmp_path / "a.zip", "--data-root", sets)
    assert code == 0 and out.startswith("Images: 6 downloaded")
    assert check.check("resortit", Task.MATERIAL, sets).ok


class Album(Dataset):
    """A data set of another package."""

    calls: ClassVar[list[tuple[Path, object]]] = []

    @dataclass(frozen=True)
    class Download(download.Download):
        """The album.

        Attributes:
            year: of the album.
            page_size: images on a page.
            small: whether small images will do.
            folder: where originals lie.
        """

        year: Annotated[int, Field(ge=1990)] = 2000
        page_size: float = 1.5
        small: bool = False
        folder: Path | None = None

        def run(self, folder: Path, progress: download.Progress) -> download.Summary:
            """Fetch nothing."""
            progress(1, 2)
            Album.calls.append((folder, self))
            return download.Summary(total=2, present=2)


@pytest.fixture
def album(monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Callable[..., type[Dataset]] = plugins.get
    monkeypatch.setattr(Album, "calls", [])
    monkeypatch.setattr(
        plugins, "get", lambda kind, name: Album if name == "my-album" else plain(kind, name)
    )
    known = plugins.names("datasets")
    monkeypatch.setattr(plugins, "names", lambda kind: [*known, "my-album"])


@pytest.mark.usefixtures("album")
def test_a_data_set_of_another_package_has_options_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGEN_DATA", str(tmp_path))
    assert get("my-album")[0] == 0
    words = ["--year=2011", "--page-size", "3", "--small", "true", "--folder", "2011"]
    assert get("my-album", *words, "--quiet")[0] == 0
    assert Album.calls == [
        (tmp_path / "my-album", Album.Download()),
        (tmp_path / "my-album", Album.Download(2011, 3.0, True, Path("2011"))),
    ]


@pytest.mark.usefixtures("album")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["my-album", "--yaer", "2000"], "unknown my-album parameter 'yaer'; did you mean 'year'"),
        (["my-album", "--year", "1800"], r"my-album\.year is '1800': .*1990"),
        (["my-album", "--year", "new"], r"my-album\.year is 'new': .*integer"),
        (["my-album", "--year"], "--year needs a value"),
        (["my-album", "2000"], "'2000' is not an option; write --name value"),
        (["--year", "2000", "my-album"], "--year comes before the data set's name"),
        (["taco", "--workers", "0"], r"taco\.workers is '0'"),
        (["resortit", "--edition", "bsic"], "did you mean 'basic'"),
        (["coco"], r"'coco' cannot be downloaded: put images/.* These can be: .*resortit, taco"),
        (["taco-synth"], "cannot be downloaded: it is drawn by code"),
        (["tcao"], "unknown data set 'tcao'; did you mean 'taco'"),
    ],
)
def test_a_mistake_gets_one_clear_line(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        get(*words, "--data-root", tmp_path)
    assert "\n" not in str(error.value)
    assert Album.calls == [] and [*tmp_path.iterdir()] == []


def test_a_folder_for_all_data_sets_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGEN_DATA", raising=False)
    with pytest.raises(DagenError, match="Set DAGEN_DATA or --data-root"):
        get("taco")


def test_a_second_download_of_a_data_set_waits_and_says_so_although_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    origin = tiny.make_resortit(tmp_path / "origin")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in origin.rglob("*.png"):
            archive.write(path, path.relative_to(origin))
    sets = tmp_path / "sets"
    sets.mkdir()
    held = FileLock(sets / ".resortit.lock")
    held.acquire()
    real = FileLock.acquire

    def acquire(self: FileLock, timeout: float, **rest: float) -> object:
        if timeout < 0:
            held.release()
        return real(self, timeout, **rest)

    monkeypatch.setattr(FileLock, "acquire", acquire)
    code, _, _ = get("resortit", "--archive", tmp_path / "a.zip", "--data-root", sets, "-q")
    assert code == 0
    assert f"{sets / 'resortit'} is in use by another process; waiting" in caplog.text


def test_a_place_for_data_that_cannot_be_written_to_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(DagenError, match=r"\.taco\.lock cannot be written: permission") as error:
        get("taco", "--data-root", tmp_path)
    assert "\n" not in str(error.value)


def test_broken_classes_do_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    root = make_roboflow(tmp_path / "own")
    (root / "train" / "_annotations.coco.json").write_text("{")
    (root / "valid" / "r1.jpg").write_bytes(b"")
    found = CliRunner().invoke(cli.app, ["data", "check", str(root), "--quiet"])
    assert found.exit_code == 1, found.exception
    assert "train/_annotations.coco.json is not a valid COCO" in found.stdout
    assert "val/valid/r1.jpg" in found.stdout


def test_a_check_of_images_alone_shows_no_classes(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "own", "splits = {val = 0.2}\n", labels=False)
    found = CliRunner().invoke(cli.app, ["data", "check", str(root), "--quiet"])
    assert found.exit_code == 0, found.output
    told = " ".join(found.stdout.split())  # a title breaks where the folder's name is long
    assert "no labels" in told and "No defect found" in told
    assert not any(word in told for word in ("binary", "waste", "labelled", "instances"))


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        ('background = "bellt"\n', "unknown class in background 'bellt'"),
        ('[map]\n"class-1" = "can"\n', "unknown class in map 'class-1'"),
        ('splits = {val = "val.txt"}\n', "val.txt cannot be read"),
    ],
)
def test_a_fault_of_dagen_toml_is_one_line(tmp_path: Path, toml: str, told: str) -> None:
    splits = "" if "splits" in toml else "splits = {val = 0.2}\n"
    ids = 'ids = {"0" = "belt", "128" = "can", "255" = "bag"}\n'
    root = make_masks(tmp_path / "own", ids + splits + toml)
    found = CliRunner().invoke(cli.app, ["data", "check", str(root), "--quiet"])
    lines = [line for line in found.stdout.splitlines() if told in line]
    assert len(lines) == 1 and "photos/p" not in lines[0], found.stdout
    assert f"dagen: 1 defect(s) in {root}." in found.stderr


def test_the_name_of_a_data_set_is_not_broken(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "a-name-that-is-longer-than-its-table", "", labels=False)
    found = CliRunner().invoke(cli.app, ["data", "check", str(root), "--quiet"])
    assert f"{root}, no labels" in found.stdout.splitlines()


def test_the_cache_is_shown_made_smaller_and_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")

    def call(*words: str) -> str:
        found = CliRunner().invoke(cli.app, ["data", "cache", *words])
        if isinstance(found.exception, DagenError):
            raise found.exception
        assert found.exit_code == 0, found.output
        return found.stdout

    assert "0 entries" in call()
    for i in range(4):
        DecodeCache().get(f"{i}", lambda: np.zeros(10_000, np.uint8))
    assert "4 entries, 40.5 kB of 20.0 GB" in call()
    assert "Evicted: 2 entries" in call("--shrink", "25kB")
    code = compiled_folder() / "x" / "ab" / "kernel.so"
    code.parent.mkdir(parents=True)
    code.write_bytes(bytes(2000))
    assert "2.0 kB of compiled networks" in call()
    assert "Evicted: 2 entries" in call("--clear") and "0 entries" in call()
    assert not code.exists() and "compiled" not in call()
    with pytest.raises(UsageError, match=r"--shrink is 'little'"):
        call("--shrink", "little")
    with pytest.raises(UsageError, match="leave --shrink out"):
        call("--clear", "--shrink", "1GB")
