import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.resortit import ReSortIt
from dagen.datasets.upkeep import check
from dagen.datasets.upkeep.get_resortit import ARCHIVES, get_resortit, unpack
from dagen.errors import DataError, UsageError
from dagen.types import Task
from tests.tiny import make_coco, make_resortit


def _zip(archive: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files.items():
            out.writestr(name, content)
    return archive


def _tar(archive: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(archive, "w:gz") as out:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            out.addfile(member, io.BytesIO(content))
    return archive


def _masked(root: Path, prefix: str = "synthetic_single/") -> dict[str, bytes]:
    folder = make_resortit(root)
    return {
        prefix + path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.png")
    }


def _names(folder: Path) -> list[str]:
    """What is in a folder besides the lock, which stays."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".resortit.lock")


def _annotated(root: Path) -> dict[str, bytes]:
    """As the authors' own tool writes it: JPEGs, COCO files, and "image_id" for an image's id."""
    folder = make_coco(root)
    files: dict[str, bytes] = {}
    for split in ("train", "val"):
        text = (folder / "annotations" / f"instances_{split}.json").read_text()
        document: dict[str, Any] = json.loads(text)
        names = ["Alu", "Carton", "Bottle", "Nylon", "Alu"]
        for category, name in zip(document["categories"], names, strict=True):
            category["name"] = name
        for image in document["images"]:
            image["image_id"] = image.pop("id")
            path = folder / "images" / image["file_name"]
            files[f"basic/{split}/{path.name}"] = path.read_bytes()
        files[f"basic/annot/4clBasic{split.title()}.json"] = json.dumps(document).encode()
    return files


@pytest.mark.parametrize("pack", [_zip, _tar])
@pytest.mark.parametrize("prefix", ["", "synthetic_single/", "a/b/"])
def test_an_archive_with_masks(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes]], Path], prefix: str
) -> None:
    archive = pack(tmp_path / "archive", _masked(tmp_path / "origin", prefix))
    get_resortit(tmp_path / "sets" / "resortit", archive=archive)
    report = check.check("resortit", Task.MATERIAL, tmp_path / "sets")
    assert report.ok and report.splits["train"].labelled == 4
    origin = ReSortIt(tmp_path / "origin" / "resortit", "train", Task.MATERIAL)
    got = ReSortIt(tmp_path / "sets" / "resortit", "train", Task.MATERIAL)
    assert got.fingerprint() == origin.fingerprint()
    assert _names(tmp_path / "sets") == ["resortit"]
    assert archive.exists()  # what the user brought is the user's


def test_an_archive_with_annotations(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "archive.zip", _annotated(tmp_path))
    get_resortit(tmp_path / "resortit", archive=archive)
    assert check.check("resortit", Task.MATERIAL, tmp_path).ok
    dataset = ReSortIt(tmp_path / "resortit", "train", Task.MATERIAL)
    assert dataset.name(0) == "train/train_0.jpg"
    assert {*np.unique(dataset.label(0)).tolist()} == {0, 1, 2}
    assert {*np.unique(dataset.label(2)).tolist()} == {0, 1, 3, 4}


def test_annotations_that_do_not_fit(tmp_path: Path) -> None:
    files = _annotated(tmp_path)
    strange = {name: content.replace(b'"Nylon"', b'"Glass"') for name, content in files.items()}
    with pytest.raises(DataError, match="unknown category 'Glass'"):
        get_resortit(tmp_path / "resortit", archive=_zip(tmp_path / "1.zip", strange))
    del files["basic/annot/4clBasicVal.json"]
    with pytest.raises(DataError, match=r"one annotation file for 'val' \(found: none\)"):
        get_resortit(tmp_path / "resortit", archive=_zip(tmp_path / "2.zip", files))
    assert not (tmp_path / "resortit").exists()  # all or nothing
    assert not [*tmp_path.glob(".resortit-*")]


@pytest.mark.parametrize("pack", [_zip, _tar])
@pytest.mark.parametrize("name", ["../evil.png", "/tmp/dagen-evil.png", "a/../../evil.png"])
def test_nothing_is_unpacked_outside(
    tmp_path: Path, pack: Callable[[Path, dict[str, bytes]], Path], name: str
) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match=r"evil\.png', which is not a relative path"):
        unpack(pack(tmp_path / "archive", {name: b"1"}), tmp_path / "in")
    assert not [*tmp_path.rglob("*evil*")]


def test_links_in_an_archive_are_left_out(tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar"
    with tarfile.open(archive, "w") as out:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        out.addfile(link)
        inner = tarfile.TarInfo("link/x.txt")
        inner.size = 1
        out.addfile(inner, io.BytesIO(b"1"))
    (tmp_path / "in").mkdir()
    unpack(archive, tmp_path / "in")
    assert not (tmp_path / "x.txt").exists()
    assert (tmp_path / "in" / "link" / "x.txt").read_bytes() == b"1"


def test_damaged_archives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).bytes(5000)
    whole = _zip(tmp_path / "whole.zip", {"train/x.png": noise}).read_bytes()
    spoilt = tmp_path / "spoilt.zip"
    spoilt.write_bytes(whole[:500] + bytes(200) + whole[700:])
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(_tar(tmp_path / "t", {"train/x.png": noise}).read_bytes()[:-2500])
    text = tmp_path / "page.html"
    text.write_text("<html>too many downloads</html>")
    for archive, message in {
        spoilt: "cannot be unpacked",
        cut: "cannot be unpacked|neither a zip nor a tar",
        text: "neither a zip nor a tar",
        tmp_path / "none.zip": "there is no archive",
    }.items():
        with pytest.raises(DataError, match=message):
            get_resortit(tmp_path / "resortit", archive=archive)
    assert not (tmp_path / "resortit").exists()


def test_another_archive(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "archive.zip", {"holiday/beach.jpg": b"1"})
    with pytest.raises(DataError, match=r"no folder with images in train/ and val/.*holiday"):
        get_resortit(tmp_path / "resortit", archive=archive)


def test_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "archive.zip", _masked(tmp_path / "origin"))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(DataError, match="make space"):
        get_resortit(tmp_path / "resortit", archive=archive)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = make_resortit(tmp_path)
    with pytest.raises(DataError, match="exists already: move it away"):
        get_resortit(folder, archive=tmp_path / "any.zip")


def test_from_google_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "archive.zip", _masked(tmp_path / "origin"))
    asked: list[str] = []

    def download(id: str, output: str, resume: bool) -> str:
        asked.append(id)
        assert resume
        Path(output).write_bytes(archive.read_bytes())
        return output

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download))
    (tmp_path / "sets" / "resortit").mkdir(parents=True)  # an empty folder is no data
    get_resortit(tmp_path / "sets" / "resortit", edition="basic")
    assert asked == [ARCHIVES["basic"]]
    assert _names(tmp_path / "sets") == ["resortit"]
    assert len(ReSortIt(tmp_path / "sets" / "resortit", "val", Task.BINARY)) == 2


def test_google_drive_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(**_: object) -> str:
        raise RuntimeError("Too many users\nhave viewed this file")

    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=download))
    with pytest.raises(DataError, match=r"Too many users have.*By hand: .*--archive FILE") as got:
        get_resortit(tmp_path / "resortit")
    assert ARCHIVES["synthetic-single"] in str(got.value)
    assert "\n" not in str(got.value)


def test_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="did you mean 'basic'"):
        get_resortit(tmp_path / "resortit", edition="basics")
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(UsageError, match=r"gdown: pip install 'dagen\[download\]'.*--archive FILE"):
        get_resortit(tmp_path / "resortit")


def test_gdown_takes_what_it_is_given() -> None:
    gdown = pytest.importorskip("gdown", reason="needs the extra 'download'")
    import inspect

    assert {"id", "output", "resume"} <= {*inspect.signature(gdown.download).parameters}


def test_images_of_one_stem(tmp_path: Path) -> None:
    files = _annotated(tmp_path)
    png = io.BytesIO()
    Image.open(io.BytesIO(files["basic/train/train_0.jpg"])).save(png, "PNG")
    files["basic/train/train_0.png"] = png.getvalue()
    text = files["basic/annot/4clBasicTrain.json"]
    document = json.loads(text)
    document["images"].append({**document["images"][0], "image_id": 99, "file_name": "train_0.png"})
    files["basic/annot/4clBasicTrain.json"] = json.dumps(document).encode()
    with pytest.raises(DataError, match="share the name train_0"):
        get_resortit(tmp_path / "resortit", archive=_zip(tmp_path / "a.zip", files))


def test_what_a_killed_call_has_left_goes(tmp_path: Path) -> None:
    left = tmp_path / "sets" / ".resortit-0a1b2c3d.unpacking" / "content"
    left.mkdir(parents=True)
    (left / "big.png").write_bytes(b"half")
    mine = tmp_path / "sets" / ".resortit-mine"
    mine.mkdir()
    archive = _zip(tmp_path / "a.zip", _masked(tmp_path / "origin"))
    get_resortit(tmp_path / "sets" / "resortit", archive=archive)
    assert _names(mine.parent) == [".resortit-mine", "resortit"]
