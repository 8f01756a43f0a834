import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.api.teachers import show
from dagen.datasets.base import Dataset
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.maps.base import Map
from dagen.errors import UsageError
from dagen.scoring.map_report import look
from dagen.types import Task
from tests import tiny
from tests.teachers import write_onnx


class Squares(Dataset):
    """Photograph i shows i white columns of ten at its left; labels must not be opened."""

    def __init__(self, count: int = 6) -> None:
        super().__init__(Path(), "train", Task.BINARY)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return str(index)

    def image(self, index: int) -> np.ndarray:
        image = np.zeros((8, 10, 3), np.uint8)
        image[:, :index] = 255
        return image

    def image_key(self, index: int) -> str:
        return str(index)

    def label(self, index: int) -> np.ndarray:
        raise AssertionError("a label was opened")


class White(Map):
    digest = "white/1"

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        return np.ascontiguousarray(image[..., 0])


class Left(Map):
    """Finds the left two columns, whatever the photograph shows."""

    digest = "left/1"

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        made = np.zeros(image.shape[:2], np.uint8)
        made[:, :2] = 255
        return made


def test_one_teacher_is_doubted_where_a_mirror_changes_its_mind() -> None:
    looks = look(Squares(), {"white": White()})
    assert [one.coverage["white"] for one in looks] == [k / 10 for k in range(6)]
    assert all(one.agreement == 1 for one in looks)
    assert [one.doubt for one in looks] == ["nothing found"] + [""] * 5
    looks = look(Squares(), {"left": Left()})
    assert all(one.agreement == 0 for one in looks)
    assert {one.doubt for one in looks} == {"another answer when mirrored"}


def test_several_teachers_are_doubted_where_they_disagree() -> None:
    looks = look(Squares(), {"white": White(), "left": Left()})
    assert [one.agreement for one in looks] == pytest.approx([0, 1 / 2, 1, 2 / 3, 1 / 2, 2 / 5])
    assert [bool(one.doubt) for one in looks] == [True, True, False, False, True, True]
    assert looks[0].doubt == "the teachers disagree"


def test_a_folder_of_maps_has_no_second_answer(tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=3, val=1)
    taco = open_dataset("taco", "train", Task.BINARY, tmp_path / "data")
    (tmp_path / "maps").mkdir()
    for index in range(3):
        made = np.zeros(taco.image(index).shape[:2], np.uint8)
        made[:, : index * 10] = 255  # at the left: mirrored, nothing of it stays
        path = tmp_path / "maps" / Path(taco.name(index)).with_suffix(".png").name
        Image.fromarray(made).save(path)
    maps = str(tmp_path / "maps")
    report = show("taco", [maps], out=tmp_path / "out", data_root=tmp_path / "data")
    assert [one.agreement for one in report.looks] == [None] * 3
    assert [one.doubt for one in report.looks] == ["nothing found", "", ""]
    assert "no second answer" in "\n".join(report.lines())
    rows = list(csv.DictReader((tmp_path / "out" / "maps.csv").open()))
    assert [row["agreement"] for row in rows] == ["", "", ""] and rows[0]["doubt"]
    both = show("taco", [maps, "salience"], out=tmp_path / "out", data_root=tmp_path / "data")
    assert all(one.agreement is not None for one in both.looks)


def test_show_draws_every_photograph_and_writes_a_table(tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=14, val=1)
    (tmp_path / "data" / "taco" / "data" / "annotations.json").unlink()
    path = str(write_onnx(tmp_path / "bright.onnx", side=32))
    report = show("taco", [path, "salience"], out=tmp_path / "out", data_root=tmp_path / "data")
    assert [file.name for file in report.files] == ["maps.csv", "maps-01.png", "maps-02.png"]
    rows = list(csv.DictReader((tmp_path / "out" / "maps.csv").open()))
    assert len(rows) == 14 and {"name", "agreement", "doubt"} <= set(rows[0])
    doubts = [bool(row["doubt"]) for row in rows]
    assert doubts == sorted(doubts, reverse=True)  # the doubtful ones come first
    with Image.open(report.files[1]) as sheet:
        assert sheet.width > 3 * 200 and sheet.height > 12 * 100
    text = "\n".join(report.lines())
    assert "14 photographs" in text and f"{len(report.doubted)} of 14" in text
    with pytest.raises(UsageError, match="name at least one teacher"):
        show("taco", [], data_root=tmp_path / "data")
