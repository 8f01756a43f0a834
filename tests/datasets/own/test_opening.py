"""A folder with a dagen.toml is a data set; labels have the values that it says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.loading import opening
from dagen.datasets.upkeep.check import check
from dagen.errors import DagenError, DataError, UsageError
from dagen.types import IGNORE, Task
from tests.own import make_masks, make_roboflow

IDS = 'ids = {"0" = "belt", "128" = "can", "255" = "bag"}\nbackground = "belt"\n'
SHARES = "splits = {val = 0.2, seed = 3}\n"


def _counts(label: np.ndarray) -> dict[int, int]:
    return {int(k): int(v) for k, v in zip(*np.unique(label, return_counts=True), strict=True)}


def test_a_folder_below_the_root_and_a_path_are_the_same_set(tmp_path: Path) -> None:
    make_masks(tmp_path / "mybelt", IDS + SHARES)
    task = opening.declared("mybelt", tmp_path)
    assert task is not None
    assert task.classes == ("background", "can", "bag") and task.background
    for name in ("mybelt", str(tmp_path / "mybelt")):
        sets = {s: opening.open_dataset(name, s, task, tmp_path) for s in ("train", "val")}
        assert (len(sets["train"]), len(sets["val"])) == (4, 1)
        names = [d.name(i) for d in sets.values() for i in range(len(d))]
        assert sorted(names) == [f"photos/p{i}.jpg" for i in range(5)]
    assert opening.same("mybelt", str(tmp_path / "mybelt"), tmp_path)


@pytest.mark.parametrize("task", ["own", "binary", "material"])
def test_the_ids_of_masks_become_those_of_the_task(tmp_path: Path, task: str) -> None:
    root = make_masks(tmp_path / "a", IDS + SHARES + '[map]\nbag = "nylon"\n')
    with Image.open(root / "drawn" / "p0.png") as file:
        given = _counts(np.asarray(file))
    own = opening.declared("a", tmp_path)
    assert own is not None and own.classes == ("background", "can", "nylon")
    kinds = {"own": own, "binary": Task.BINARY, "material": Task.MATERIAL}
    expected = {
        "own": {0: given[0], 1: given[128], 2: given[255]},
        "binary": {0: given[0], 1: given[128] + given[255]},
        "material": {0: given[0], 4: given[255], IGNORE: given[128]},
    }
    found = {}
    for split in ("train", "val"):
        data = opening.open_dataset("a", split, kinds[task], tmp_path)
        found |= {data.name(i): data.label(i) for i in range(len(data))}
    assert _counts(found["photos/p0.jpg"]) == expected[task]


def test_roboflows_export_is_read_with_its_categories(tmp_path: Path) -> None:
    make_roboflow(tmp_path / "r", '[map]\ncan = "aluminium"\n')
    task = opening.declared("r", tmp_path)
    assert task is not None and task.classes == ("background", "aluminium", "bag")
    data = opening.open_dataset("r", "val", task, tmp_path)
    assert len(data) == 3 and {*_counts(data.label(0))} == {0, 1, 2}
    street = Task("classes", ("bag", "road"), background=False)
    assert {*_counts(opening.open_dataset("r", "val", street, tmp_path).label(0))} == {0, IGNORE}


def test_pictures_without_labels_need_no_classes(tmp_path: Path) -> None:
    make_masks(tmp_path / "b", SHARES, labels=False)
    assert opening.declared("b", tmp_path) is None
    assert not opening.open_dataset("b", "train", Task.BINARY, tmp_path).has_labels


@pytest.mark.parametrize("value", ["names.txt", ["p1.jpg", "p3"]])
def test_splits_are_given_by_lists(tmp_path: Path, value: str | list[str]) -> None:
    written = repr(value).replace("'", '"')
    root = make_masks(tmp_path / "c", IDS + f'splits = {{train = "rest.txt", val = {written}}}\n')
    (root / "names.txt").write_text("photos/p1.jpg\np3\n")
    (root / "rest.txt").write_text("p0\np2\np4\n")
    found = opening.open_dataset("c", "val", Task.BINARY, tmp_path)
    assert [found.name(i) for i in range(len(found))] == ["photos/p1.jpg", "photos/p3.jpg"]


def test_a_name_in_a_pattern_tells_masks_from_images_in_one_folder(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "d", "")
    for i in range(5):
        (root / "drawn" / f"p{i}.png").rename(root / "photos" / f"p{i}_mask.png")
    (root / "dagen.toml").write_text(
        'kind = "folder"\nimages = "photos"\nmasks = "photos/{name}_mask.png"\n' + IDS + SHARES
    )
    data = opening.open_dataset("d", "train", Task.BINARY, tmp_path)
    assert len(data) == 4 and data.has_labels and {*_counts(data.label(0))} == {0, 1}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("clases = []", "unknown key 'clases'; did you mean 'classes'"),
        ('ids = {"300" = "x"}', "'300' is not a whole number from 0 to 255"),
        ('classes = ["a"]\nids = {"0" = "a"}', "dagen.toml: give classes or ids, not both"),
        ('colours = {can = "red"}', "write #RRGGBB"),
        (IDS + 'colours = {cam = "#FF0000"}', "unknown class in colours 'cam'; did you mean 'can'"),
        (IDS + '[map]\ncam = "x"', "unknown class in map 'cam'; did you mean 'can'"),
        ('classes = ["a"]', "2 to 255 classes"),
        ("splits = {val = 2.0}", "val"),
        ("splits = {val = 0.6, test = 0.5}", "leave images for training"),
        ("splits = {dev = 0.2}", "unknown key 'dev'"),
        ("x = ", "cannot be read"),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path: Path, toml: str, message: str) -> None:
    make_masks(tmp_path / "e", toml)
    with pytest.raises(DataError, match=message) as error:
        opening.declared("e", tmp_path)
    assert "\n" not in str(error.value) and "dagen.toml" in str(error.value)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    toml = 'colour = 3\nsplits = {vall = 0.2, seed = "x"}\nimages = "../x"\n'
    (tmp_path / "dagen.toml").write_text(f'kind = "coco"\n{toml}')
    with pytest.raises(DataError) as error:
        opening.declared(str(tmp_path))
    for part in ("'colour'", "'vall'", "seed", "'../x'"):
        assert part in str(error.value)
    assert "\n" not in str(error.value)
    masks = make_masks(tmp_path / "m", IDS + '[map]\ncann = "x"\n[colours]\nbagg = "#000000"\n')
    with pytest.raises(DataError, match=r"(?s)'cann'.*'bagg'"):
        opening.declared(str(masks))
    listed = make_masks(tmp_path / "l", IDS + 'splits = {val = ["p1", "p8", "p9"]}\n')
    with pytest.raises(DataError, match="'p8', which is no image; 'p9'"):
        opening.open_dataset(str(listed), "val", Task.BINARY)


def test_colours_are_the_meaning_of_masks(tmp_path: Path) -> None:
    """Names, ``ignore``, ``[map]`` and tasks apply to colours as they do to ids."""
    colours = 'colours = {road = "#FFFFFF", can = "#FF0000", ignore = "#00FF00", bag = "#0000FF"}\n'
    root = make_masks(
        tmp_path / "a", f'{SHARES}{colours}background = "road"\n[map]\nbag = "nylon"\n'
    )
    paint = np.array([[255] * 3, [255, 0, 0], [0, 255, 0], [0, 0, 255]], np.uint8)
    for path in (root / "drawn").iterdir():
        Image.fromarray(paint[np.arange(48 * 64).reshape(48, 64) % 4]).save(path)
    own = opening.declared("a", tmp_path)
    assert own is not None and own.classes == ("background", "can", "nylon")
    assert own.colours == ((255, 255, 255), (255, 0, 0), (0, 0, 255))
    for task, expected in (
        (own, [0, 1, IGNORE, 2]), (Task.BINARY, [0, 1, IGNORE, 1]),
        (Task.MATERIAL, [0, IGNORE, IGNORE, 4]),
    ):  # fmt: skip
        label = opening.open_dataset("a", "train", task, tmp_path).label(0)
        assert label[0, :4].tolist() == expected
    (root / "dagen.toml").write_text(
        f'kind = "folder"\nimages = "photos"\nmasks = "drawn"\n{SHARES}'
        'colours = {can = "#FF0000", bag = "#ff0000"}\n'
    )
    with pytest.raises(DataError, match="can and bag have one colour, #FF0000"):
        opening.open_dataset("a", "train", own, tmp_path).label(0)


def test_paths_outside_the_folder_are_refused(tmp_path: Path) -> None:
    root = make_masks(tmp_path / "f", "")
    (root / "dagen.toml").write_text('kind = "folder"\nimages = "../secret"\n')
    with pytest.raises(DataError, match="not a relative path"):
        opening.open_dataset("f", "train", Task.BINARY, tmp_path)


def test_names_that_are_nothing_get_one_line(tmp_path: Path) -> None:
    make_masks(tmp_path / "mybelt", IDS + SHARES)
    (tmp_path / "plain").mkdir()
    for name, kind, message in (
        ("mybelr", UsageError, "did you mean 'mybelt'"),
        ("plain", DataError, "dagen data new"),
        ("./nowhere", DataError, "there is no folder nowhere"),
        ("", UsageError, "unknown data set ''"),
        ("a\0", UsageError, "unknown data set 'a"),
        ("a" * 300, UsageError, "unknown data set 'aaa"),
        ("./" + "a" * 300, UsageError, "unknown data set './aaa"),
        ("./" + "a/" * 3000, UsageError, "unknown data set './a"),
    ):
        with pytest.raises(DagenError, match=message) as error:
            opening.open_dataset(name, "train", Task.BINARY, tmp_path)
        assert isinstance(error.value, kind)


def test_classes_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    make_masks(tmp_path / "g", IDS + SHARES)
    data = opening.open_dataset("g", "train", Task.MATERIAL, tmp_path)
    with pytest.raises(DataError, match=r"none of them is among .*\[map\]"):
        data.label(0)
    make_masks(tmp_path / "h", 'ids = {"0" = "road", "128" = "car", "255" = "sky"}\n' + SHARES)
    street = opening.declared("h", tmp_path)
    assert street is not None and not street.background
    with pytest.raises(DataError, match=r"has no background.*background = \"road\""):
        opening.open_dataset("h", "train", Task.BINARY, tmp_path).label(0)


def test_the_folder_plug_in_takes_a_declaration_too(tmp_path: Path) -> None:
    make_masks(tmp_path / "folder", IDS + SHARES)
    assert len(opening.open_dataset("folder", "val", Task.BINARY, tmp_path)) == 1


def test_without_splits_unlabelled_images_are_all_for_training(tmp_path: Path) -> None:
    make_masks(tmp_path / "f", "", labels=False)
    assert len(opening.open_dataset("f", "train", Task.BINARY, tmp_path)) == 5
    with pytest.raises(DataError, match=r"no masks and no splits, so all 5 are for training"):
        opening.open_dataset("f", "val", Task.BINARY, tmp_path)
    shown = opening.open_scored("f", Task.BINARY, tmp_path)
    assert (shown.split, len(shown), shown.has_labels) == ("train", 5, False)
    assert check("f", Task.BINARY, tmp_path).ok


@pytest.mark.parametrize("split", ["train", "val"])
def test_without_splits_labelled_images_ask_for_the_line_to_add(tmp_path: Path, split: str) -> None:
    make_masks(tmp_path / "g", IDS)
    with pytest.raises(DataError, match=r"5 are for scoring; add the line splits = \{val = 0\.2\}"):
        opening.open_dataset("g", split, Task.BINARY, tmp_path)
    with pytest.raises(DataError, match="add the line"):
        opening.open_scored("g", Task.BINARY, tmp_path)
    assert not check("g", Task.BINARY, tmp_path).ok
    with (tmp_path / "g" / "dagen.toml").open("a") as file:
        file.write("splits = {val = 0.2}\n")
    assert opening.open_dataset("g", split, Task.BINARY, tmp_path).has_labels
