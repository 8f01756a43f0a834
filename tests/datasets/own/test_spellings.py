"""Names in patterns and lists meet files whose spelling differs in accents, case or separators."""

import unicodedata
from pathlib import Path

import pytest

from dagen.datasets.base import Dataset
from dagen.datasets.loading import opening
from dagen.datasets.own import declaration
from dagen.datasets.upkeep.check import check
from dagen.errors import DataError
from dagen.types import Task
from tests.own import image_and_mask

HEAD = 'kind = "folder"\nids = {"0" = "background", "128" = "can"}\n'
SHARES = "splits = {val = 0.25}\n"


def _apart(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _make(root: Path, images: list[str], masks: list[str], toml: str) -> Path:
    for seed, names in enumerate(zip(images, masks, strict=True)):
        for name, picture in zip(names, image_and_mask(seed, [128]), strict=True):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            picture.save(root / name)
    (root / "dagen.toml").write_text(HEAD + toml)
    return root


def _train(root: Path) -> Dataset:
    return opening.open_dataset(str(root), "train", Task.BINARY)


@pytest.mark.parametrize(
    ("image", "mask", "patterns"),
    [
        (_apart("a/é{}.png"), _apart("b/é{}_mask.png"), ("a", "b/{name}_mask.png")),
        ("a/é{}.png", _apart("b/é{}_mask.png"), ("a", "b/{name}_mask.png")),
        ("a/p{}.png", "b/p{}_MASK.PNG", ("a", "b/{name}_mask.png")),
        ("a/p{}.JPG", "b/p{}.png", ("a/{name}.jpg", "b/{name}.png")),
        (_apart("a/p{}é.png"), "b/p{}.png", ("a/{name}é.png", "b/{name}.png")),
        ("p{}.jpg", "p{}_mask.png", (".", "./{name}_mask.png")),
        ("a/p{}.png", "a/p{}_mask.png", ("./a/{name}.png", "a//{name}_mask.png")),
        ("p{}.png", "masks/p{}.png", (".", "masks/")),
    ],
)
def test_every_image_finds_its_mask(
    tmp_path: Path, image: str, mask: str, patterns: tuple[str, str]
) -> None:
    names = [[kind.format(k) for k in range(4)] for kind in (image, mask)]
    toml = f'images = "{patterns[0]}"\nmasks = "{patterns[1]}"\n{SHARES}'
    root = _make(tmp_path / "d", *names, toml)
    data = _train(root)
    assert len(data) == 3 and list(data.labelled) == [0, 1, 2]
    assert all(data.label(index).any() for index in range(3))
    assert check(str(root), Task.BINARY).ok


def test_two_masks_of_one_spelling_are_told(tmp_path: Path) -> None:
    toml = f'images = "a"\nmasks = "b/{{name}}.png"\n{SHARES}'
    images = [f"a/p{k}.png" for k in range(4)]
    root = _make(tmp_path / "d", images, [f"b/P{k}.png" for k in range(4)], toml)
    for k in range(4):
        (root / f"b/P{k}.PNG").write_bytes((root / f"b/P{k}.png").read_bytes())
    data = _train(root)
    with pytest.raises(DataError, match=r"has 2 masks .*: keep one"):
        data.label(0)
    for k in range(4):  # the exact name counts
        (root / f"b/p{k}.png").write_bytes((root / f"b/P{k}.png").read_bytes())
    assert data.label(0).any()


@pytest.mark.parametrize("masks", ["b", "b/{name}_label.png"])
def test_masks_that_are_no_images_masks_are_told(tmp_path: Path, masks: str) -> None:
    names = [[f"a/p{k}.png" for k in range(4)], [f"b/p{k}_mask.png" for k in range(4)]]
    root = _make(tmp_path / "d", *names, f'images = "a"\nmasks = "{masks}"\n{SHARES}')
    assert not _train(root).has_labels
    told = [each.problem for each in check(str(root), Task.BINARY).defects]
    assert any("there are 4 pictures, such as b/p0_mask.png" in problem for problem in told)


@pytest.mark.parametrize("entry", ["a\\p1.png", "./a/p1.PNG", "P1", "É1.png"])
def test_lists_name_images_in_other_spellings(tmp_path: Path, entry: str) -> None:
    kind = _apart("a/é{}.png") if "É" in entry else "a/p{}.png"
    names = [[kind.format(k) for k in range(3)], [f"b/{k}.png" for k in range(3)]]
    root = _make(tmp_path / "d", *names, 'images = "a"\nmasks = "b"\nsplits = {val = "v.txt"}\n')
    (root / "v.txt").write_text(f"{entry}\n", encoding="utf-8")
    data = opening.open_dataset(str(root), "val", Task.BINARY)
    assert [data.name(i) for i in range(len(data))] == [kind.format(1)]


def test_patterns_are_kept_without_dots(tmp_path: Path) -> None:
    (tmp_path / "dagen.toml").write_text('kind = "folder"\nimages = "./"\nmasks = "./m//{name}/"\n')
    found = declaration.read(tmp_path)
    assert (found.images, found.masks) == (".", "m/{name}")
