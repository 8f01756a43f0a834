"""`dagen data new` writes what a look at the files shows, and what it writes can be opened."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from dagen.datasets.loading import opening
from dagen.datasets.own import declaration
from dagen.datasets.own.new import write
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError, UsageError
from dagen.types import Task
from tests import tiny
from tests.own import grey_png, make_masks, make_roboflow


def _bare(root: Path) -> Path:
    (root / "dagen.toml").unlink()
    return root


def test_photographs_and_masks_in_two_folders(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "a", ""))
    text = write(root).read_text()
    found = declaration.read(root)
    assert (found.images, found.masks) == ("photos", "drawn")
    assert found.ids == {"0": "background", "128": "class-128", "255": "class-255"}
    assert found.splits.shares == {"val": 0.2}
    shares = [line for line in text.splitlines() if line.startswith("#   ")]
    assert [line.split(":")[0] for line in shares] == ["#   0", "#   128", "#   255"]
    assert abs(sum(float(line.split()[2]) for line in shares) - 100) < 0.05
    task = opening.declared("a", tmp_path)
    assert task is not None and opening.open_dataset("a", "train", task, tmp_path).label(0).any()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_masks_of_few_bits_are_seen_as_they_are_read(tmp_path: Path, bits: int) -> None:
    root = _bare(make_masks(tmp_path / "a", "", values=(1,)))
    for path in (root / "drawn").iterdir():
        with Image.open(path) as mask:
            ids = np.array(mask)
        path.write_bytes(grey_png(ids, bits))
    write(root)
    assert declaration.read(root).ids == {"0": "background", "1": "class-1"}
    data = opening.open_dataset("a", "val", Task.BINARY, tmp_path)
    assert data.label(0).any()


def test_splits_in_folders_and_ignored_pixels(tmp_path: Path) -> None:
    root = tiny.make_folder(tmp_path)
    mask = next((root / "masks" / "train").iterdir())
    with Image.open(mask) as file:
        file.point(lambda value: value or 255).save(mask)
    write(root)
    found = declaration.read(root)
    assert (found.images, found.masks) == ("images/{split}", "masks/{split}")
    assert found.ids is not None and "255" not in found.ids and {"0", "1"} <= {*found.ids}
    assert len(opening.open_dataset("folder", "val", Task.BINARY, tmp_path)) == 2


def test_masks_beside_their_images(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "b", ""))
    for mask in (root / "drawn").iterdir():
        mask.rename(root / "photos" / f"{mask.stem}_mask.png")
    write(root)
    assert declaration.read(root).masks == "photos/{name}_mask.png"
    data = opening.open_dataset("b", "train", Task.BINARY, tmp_path)
    assert len(data) == 4 and data.label(0).any()


def test_images_alone(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "c", "", labels=False))
    assert "No masks were found" in write(root).read_text()
    assert not opening.open_dataset("c", "train", Task.BINARY, tmp_path).has_labels


@pytest.mark.parametrize("given", ["", "train/_annotations.coco.json"])
def test_a_coco_file_or_its_folder(tmp_path: Path, given: str) -> None:
    root = _bare(make_roboflow(tmp_path / "r"))
    file = write(root / given)
    text = file.read_text()
    assert "#   can: 3" in text and "#   bag: 3" in text
    if not given:
        data = opening.open_dataset("r", "val", Task.BINARY, tmp_path)
    else:  # only the file's own folder is known: a share of it is for scoring
        assert file.parent == root / "train"
        data = opening.open_dataset(str(root / "train"), "val", Task.BINARY)
        assert len(data) == 1
    assert data.label(0).any()


def test_categories_without_objects_are_left_out_and_told(tmp_path: Path) -> None:
    root = _bare(make_roboflow(tmp_path / "r", names=("can", "bag")))
    for split, extra in (("train", ["objects", "tin"]), ("valid", ["objects", "tin"])):
        file = root / split / "_annotations.coco.json"
        document = json.loads(file.read_text())
        document["categories"] += [{"id": 7 + k, "name": n} for k, n in enumerate(extra)]
        if split == "valid":
            document["annotations"][0]["category_id"] = 8
        file.write_text(json.dumps(document))
    text = write(root).read_text()
    assert "#   objects: 0" in text and 'ignore = ["objects"]' in text
    assert "# tin: objects only in other files" in text
    task = opening.declared("r", tmp_path)
    assert task is not None and task.classes == ("background", "can", "bag", "tin")
    data = opening.open_dataset("r", "train", task, tmp_path)
    (remark,) = data.label_remarks()  # said before training
    assert "has no annotation of tin, which therefore cannot be learnt" in remark
    assert list(opening.open_dataset("r", "val", task, tmp_path).label_remarks()) == []
    assert list(opening.open_dataset("r", "train", Task.BINARY, tmp_path).label_remarks()) == []


def test_what_cannot_be_guessed_is_one_line(tmp_path: Path) -> None:
    make_masks(tmp_path / "d", "")
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.json").write_text("{}")
    for path, kind, message in (
        ("d", UsageError, "exists already"),
        ("none", UsageError, "does not exist"),
        ("empty", DataError, "has no image"),
        ("x.json", UsageError, "is not a COCO file"),
    ):
        with pytest.raises(kind, match=message):
            write(tmp_path / path)


def _painted(root: Path, palettes: bool = False, suffix: str = "png") -> Path:
    """The masks of ``root`` in colours: black, red and green for the values 0, 128 and 255."""
    table = {0: (0, 0, 0), 128: (255, 0, 0), 255: (0, 255, 0)}
    for k, path in enumerate(sorted((root / "drawn").iterdir())):
        with Image.open(path) as file:
            values = np.asarray(file)
        path.unlink()
        pixels = np.zeros((*values.shape, 3), np.uint8)
        for value, colour in table.items():
            pixels[values == value] = colour
        image = Image.fromarray(pixels)
        if palettes:  # each file numbers its colours anew
            order = np.roll([0, 128, 255], k)
            indices = sum((values == value) * np.uint8(i) for i, value in enumerate(order))
            image = Image.fromarray(np.asarray(indices, np.uint8))
            image.putpalette([part for value in order for part in table[int(value)]])
        image.save(path.with_suffix(f".{suffix}"))
    return root


@pytest.mark.parametrize("palettes", [False, True], ids=["RGB", "palettes"])
def test_masks_in_colours_are_recognised_and_read(tmp_path: Path, palettes: bool) -> None:
    root = _painted(_bare(make_masks(tmp_path / "a", "")), palettes)
    text = write(root).read_text()
    found = declaration.read(root)
    assert (found.images, found.masks, found.ids) == ("photos", "drawn", None)
    assert {*found.colours.values()} == {"#000000", "#FF0000", "#00FF00"}
    assert found.colours["background"] == "#000000" and "Colours found in 5 masks" in text
    task = opening.declared("a", tmp_path)
    assert task is not None and task.classes[0] == "background" and task.num_classes == 3
    toml = 'ids = {"0" = "background", "128" = "can", "255" = "bag"}\nsplits = {val = 0.2}\n'
    plain = make_masks(tmp_path / "b", toml)
    ids, colours = (opening.open_dataset(str(r), "train", Task.BINARY) for r in (plain, root))
    for i in range(len(ids)):
        assert np.array_equal(ids.label(i), colours.label(i)) and ids.label(i).any()


def test_masks_in_colours_that_became_jpeg(tmp_path: Path) -> None:
    root = _painted(_bare(make_masks(tmp_path / "a", "")), suffix="jpg")
    (root / "drawn").rename(root / "labels")
    text = write(root).read_text()
    assert 'images = "photos"' in text and "labels has files with the names of the images" in text


@pytest.mark.parametrize(("head", "tail"), [("", "_mask"), ("gt_", ""), ("", "-seg-1")])
def test_masks_of_longer_names_in_a_folder_of_their_own(
    tmp_path: Path, head: str, tail: str
) -> None:
    root = _bare(make_masks(tmp_path / "a", ""))
    for mask in (root / "drawn").iterdir():
        mask.rename(mask.with_name(f"{head}{mask.stem}{tail}.png"))
    write(root)
    assert declaration.read(root).masks == f"drawn/{head}{{name}}{tail}.png"
    data = opening.open_dataset("a", "train", Task.BINARY, tmp_path)
    assert len(data.labelled) == 4 and data.label(0).any()


def test_masks_of_other_names_are_told(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "a", ""))
    for k, mask in enumerate(sorted((root / "drawn").iterdir())):
        mask.rename(mask.with_name(f"{k * 7 + 20}.png"))
    text = write(root).read_text()
    assert "drawn has 5 pictures that may be masks" in text and "No masks were found" in text


def _smooth(mask: Image.Image) -> Image.Image:
    return mask.filter(ImageFilter.GaussianBlur(6))


def _deep(mask: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(mask).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("change", "told"),
    [(_smooth, "has more than 64 values or colours"), (_deep, "has values up to 65535")],
)
def test_why_a_picture_is_no_mask_is_told(
    tmp_path: Path, change: Callable[[Image.Image], Image.Image], told: str
) -> None:
    root = _bare(make_masks(tmp_path / "a", ""))
    (root / "drawn").rename(root / "labels")
    for mask in (root / "labels").iterdir():
        with Image.open(mask) as file:
            changed = change(file)
        changed.save(mask)
    assert f"labels/p0.png {told}" in write(root).read_text()


def _nested(root: Path, parts: tuple[str, ...], folder: str, overlap: bool = False) -> Path:
    """The files of a folder in sub-folders; with ``overlap`` each sub-folder has the same names."""
    for k, file in enumerate(sorted((root / folder).iterdir())):
        (root / folder / parts[k % len(parts)]).mkdir(exist_ok=True)
        name = f"{k // len(parts)}{file.suffix}" if overlap else file.name
        file.rename(root / folder / parts[k % len(parts)] / name)
    return root


@pytest.mark.parametrize("overlap", [False, True], ids=["other names", "same names"])
def test_masks_in_the_same_sub_folders(tmp_path: Path, overlap: bool) -> None:
    root = _bare(make_masks(tmp_path / "a", "", count=6))
    for folder in ("photos", "drawn"):
        _nested(root, ("line1", "line2"), folder, overlap)
    text = write(root).read_text()
    assert 'images = "photos"  # 6 images' in text and 'masks = "drawn"  # 6 masks' in text
    task = opening.declared("a", tmp_path)
    assert task is not None
    data = opening.open_dataset("a", "train", task, tmp_path)
    assert len(data) == 5 and all(data.label(i).any() for i in range(5))


def test_images_alone_in_sub_folders(tmp_path: Path) -> None:
    root = _nested(
        _bare(make_masks(tmp_path / "a", "", labels=False)), ("north", "south"), "photos"
    )
    assert 'images = "photos"  # 5 images' in write(root).read_text()
    (root / "dagen.toml").unlink()
    (root / "photos").rename(tmp_path / "b")
    assert 'images = "."  # 5 images' in write(tmp_path / "b").read_text()


def test_images_that_are_left_out_are_counted(tmp_path: Path) -> None:
    """Equal names in two folders without masks may be one scene by two sensors."""
    root = _bare(make_masks(tmp_path / "a", "", count=6, labels=False))
    text = write(_nested(root, ("depth", "rgb"), "photos", overlap=True)).read_text()
    assert 'images = "photos/depth"  # 3 images' in text
    assert "# photos/rgb has 3 more images; they are not in this data set." in text


def test_masks_for_one_sub_folder_alone(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "a", "", count=6))
    for folder in ("photos", "drawn"):
        _nested(root, ("line1", "line2"), folder)
    shutil.rmtree(root / "drawn" / "line2")
    text = write(root).read_text()
    assert 'images = "photos"  # 6 images' in text and 'masks = "drawn"  # 3 masks' in text
    assert "# 3 images have no mask" in text


def test_masks_in_a_folder_below_the_images(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "a", "", count=6))
    (root / "drawn").rename(root / "photos" / "labels")
    assert 'images = "photos"  # 6 images' in write(root).read_text()
    data = opening.open_dataset("a", "train", Task.BINARY, tmp_path)
    assert len(data) == 5 and all(data.label(i).any() for i in range(5))


def test_other_masks_among_the_images_are_told(tmp_path: Path) -> None:
    root = _bare(make_masks(tmp_path / "a", "", count=6))
    for file in (root / "photos").iterdir():
        file.rename(root / file.name)
    shutil.copytree(root / "drawn", root / "objects")
    text = write(root).read_text()
    assert 'images = "."  # 12 images' in text and 'masks = "drawn"  # 6 masks' in text
    assert "# 6 of the images look like masks, such as objects/p0.png: move them away." in text


def test_guessed_names_follow_ids_and_colours_and_are_told(tmp_path: Path) -> None:
    for name, found in (("a", ["class-128", "class-255"]), ("b", ["class-00ff00", "class-ff0000"])):
        root = _bare(make_masks(tmp_path / name, ""))
        if name == "b":
            _painted(root)
        write(root)
        task = opening.declared(name, tmp_path)
        assert task is not None and sorted(task.classes[1:]) == found
        told = [w.problem for w in check(name, task, tmp_path).warnings]
        remarks = opening.open_dataset(name, "train", task, tmp_path).label_remarks()
        for sentences in (told, [*remarks]):
            assert sum("names that were guessed" in each for each in sentences) == 1
            assert any(f"({', '.join(task.classes[1:])})" in each for each in sentences)
        assert not [*opening.open_dataset(name, "val", task, tmp_path).label_remarks()]


def test_pictures_of_a_coco_file_that_are_not_there_are_told(tmp_path: Path) -> None:
    root = _bare(make_roboflow(tmp_path / "r"))
    assert "are not there" not in write(root).read_text()
    _bare(root)
    for k in (1, 2):
        (root / "train" / f"r{k}.jpg").unlink()
    text = write(root).read_text()
    named = "2 of the 3 pictures that train/_annotations.coco.json names are not there, such as"
    assert f"# {named} train/r1.jpg." in text
    _bare(root)
    for folder in ("train", "valid"):
        (root / folder / "r0.jpg").unlink()
    for k in (1, 2):
        (root / "valid" / f"r{k}.jpg").unlink()
    assert (
        "# No picture of the 3 that train/_annotations.coco.json names is there, such as"
        in write(root).read_text()
    )
