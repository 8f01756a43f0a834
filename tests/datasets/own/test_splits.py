"""Which images of a folder with a dagen.toml belong to a split."""

from pathlib import Path

import pytest

from dagen.datasets.loading import opening
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError
from dagen.types import Task
from tests.own import make_masks

IDS = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\n'


def _split(root: Path, split: str) -> list[str]:
    found = opening.open_dataset(str(root), split, Task.BINARY)
    return [Path(found.name(i)).stem for i in range(len(found))]


def test_a_share_is_drawn_from_what_no_list_names(tmp_path: Path) -> None:
    listed = 'splits = {train = ["p0", "p1", "p2"], val = 0.5}\n'
    for seed in range(5):
        root = make_masks(tmp_path / f"{seed}", f"{IDS}{listed[:-2]}, seed = {seed}}}\n", count=5)
        assert _split(root, "train") == ["p0", "p1", "p2"]
        assert len(val := _split(root, "val")) == 1 and {*val} <= {"p3", "p4"}


def test_what_no_list_names_is_for_training(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "a", f'{IDS}splits = {{val = ["p1", "p3"]}}\n')
    assert (_split(root, "train"), _split(root, "val")) == (["p0", "p2", "p4"], ["p1", "p3"])
    root = make_masks(tmp_path / "b", f'{IDS}splits = {{val = ["p1"], test = 0.25}}\n')
    assert len(_split(root, "train")) == 3 and "p1" not in _split(root, "train")
    assert not {*_split(root, "test")} & {"p1", *_split(root, "train")}


def test_an_image_in_two_splits_is_one_line(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "a", f'{IDS}splits = {{train = ["p0", "p1"], val = "v.txt"}}\n')
    (root / "v.txt").write_text("photos/p1.jpg\np2\n")
    for split in ("train", "val"):
        with pytest.raises(DataError, match=r"train and val both name photos/p1\.jpg: keep"):
            _split(root, split)
    assert any("both name" in each.problem for each in check(str(root), Task.BINARY).defects)


@pytest.mark.parametrize("entry", ["../names.txt", "{outside}/names.txt", "../photos"])
def test_nothing_outside_the_folder_is_a_split(tmp_path: Path, entry: str) -> None:
    (tmp_path / "names.txt").write_text("p1\n")
    entry = entry.format(outside=tmp_path)
    root = make_masks(tmp_path / "a", f'{IDS}splits = {{val = "{entry}"}}\n')
    with pytest.raises(DataError, match=r"splits.*is not a path below the folder of dagen.toml"):
        _split(root, "val")
    root = make_masks(tmp_path / "b", f'{IDS}splits = {{val = "names.txt"}}\n')
    (root / "names.txt").symlink_to(tmp_path / "names.txt")
    with pytest.raises(DataError, match="a symbolic link leads out of"):
        _split(root, "val")


@pytest.mark.parametrize("words", ['train = "a", val = "a"', 'val = "train"', 'test = "val/./b"'])
def test_splits_of_the_same_images_are_one_line(tmp_path: Path, words: str) -> None:
    root = make_masks(tmp_path / "a", "")
    (root / "dagen.toml").write_text(f'kind = "folder"\n{IDS}splits = {{{words}}}\n')
    with pytest.raises(DataError, match="both would have the same images: give each split its own"):
        _split(root, "train")


@pytest.mark.parametrize("word", ["valid", "0.2"])
def test_a_word_without_a_place_is_one_line(tmp_path: Path, word: str) -> None:
    root = make_masks(tmp_path / "a", f'{IDS}splits = {{val = "{word}"}}\n')
    with pytest.raises(DataError, match=rf"splits\.val is '{word}', a word for {{split}}.*a share"):
        _split(root, "train")


@pytest.mark.parametrize("entry", ["1", "0.0", "nan", "[1]", "true", "1979-05-27", "{a = 1}"])
def test_an_entry_of_another_kind_is_one_short_line(tmp_path: Path, entry: str) -> None:
    root = make_masks(tmp_path / "a", f"{IDS}splits = {{val = {entry}}}\n")
    with pytest.raises(
        DataError, match=r"splits\.val is .*: .* or a share between 0 and 1\."
    ) as got:
        _split(root, "val")
    assert str(got.value).count("splits.val") == 1
