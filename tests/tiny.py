"""Makers of tiny data sets in the real layouts, drawn by code: bright shapes on a plain ground.

Each returns the data set's own folder, ``root/<name>``, so that ``DAGEN_DATA=root`` finds it.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dagen.datasets.reading.taco_classes import MATERIAL_OF
from dagen.types import Task

Size = tuple[int, int]
"""(H, W) in pixels."""
Polygon = list[tuple[float, float]]

COLOURS = {1: (200, 205, 215), 2: (250, 245, 225), 3: (70, 150, 250), 4: (250, 110, 60)}
BELT, GROUND = (25, 25, 30), (95, 125, 70)
EXIF_ORIENTATION = 0x0112
CATEGORIES = [{"supercategory": name, "id": i, "name": name} for i, name in enumerate(MATERIAL_OF)]
# One TACO category for each material (12 is a drink can ...), and 59, a cigarette, for none.
CATEGORY_OF = {1: 12, 2: 33, 3: 5, 4: 36, 255: 59}
SCENES = ["Clean", "Indoor, Man-made", "Pavement", "Sand, Dirt, Pebbles", "Trash", "Vegetation"]


def _polygon(rng: np.random.Generator, size: Size, spot: int) -> Polygon:
    """A convex shape in one quarter of the image, so that no two shapes overlap."""
    height, width = size
    y, x = (spot // 2 + 0.5) * height / 2, (spot % 2 + 0.5) * width / 2
    angles = np.sort(rng.uniform(0, 2 * np.pi) + np.arange(6) * np.pi / 3)
    radii = rng.uniform(0.6, 0.95, size=6)
    ys, xs = np.sin(angles) * radii * height / 4, np.cos(angles) * radii * width / 4
    return [
        (round(float(x + dx), 2), round(float(y + dy), 2)) for dx, dy in zip(xs, ys, strict=True)
    ]


def _ground(rng: np.random.Generator, size: Size, colour: tuple[int, int, int]) -> Image.Image:
    noise = rng.normal(0, 6, size=(*size, 1)) + np.asarray(colour)
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8))


def _scene(
    rng: np.random.Generator, size: Size, classes: list[int], ground: tuple[int, int, int]
) -> tuple[Image.Image, Image.Image, list[Polygon]]:
    """An image, its mask of ids, and the polygons, one shape for each of ``classes``."""
    image, mask = _ground(rng, size, ground), Image.new("L", (size[1], size[0]))
    polygons = [_polygon(rng, size, spot) for spot in range(len(classes))]
    for points, value in zip(polygons, classes, strict=True):
        ImageDraw.Draw(image).polygon(points, fill=COLOURS.get(value, (240, 230, 240)))
        ImageDraw.Draw(mask).polygon(points, fill=value)
    return image, mask, polygons


def make_resortit(
    root: Path, train: int = 4, val: int = 2, size: Size = (48, 64), seed: int = 0
) -> Path:
    """ReSORT-IT: ``<split>/NNNNN.png`` and ``labels/<split>/NNNNN.png``; every class is there."""
    folder, rng = root / "resortit", np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        images, labels = folder / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for i in range(count):
            classes = [1 + i % 4, 1 + (i + 1) % 4, 1 + (i + 2) % 4]
            image, mask, _ = _scene(rng, size, classes, BELT)
            image.save(images / f"{i:05}.png")
            mask.save(labels / f"{i:05}.png")
    return folder


def make_taco(
    root: Path,
    train: int = 4,
    val: int = 2,
    size: Size = (48, 64),
    seed: int = 0,
    labels: bool = True,
) -> Path:
    """TACO: ``data/batch_N/NNNNNN.jpg``, ``data/annotations.json`` and ``splits.json``.

    Every third photograph stands upright (sides of ``size`` swapped), every image holds one
    category that has no material, and the first photograph of each split lies on its side in
    the file, with the EXIF orientation that turns it upright. ``labels=False`` leaves the
    annotations out.
    """
    folder, rng = root / "taco", np.random.default_rng(seed + 1)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    splits: dict[str, list[str]] = {}
    for batch, (split, count) in enumerate((("train", train), ("val", val)), start=1):
        (folder / "data" / f"batch_{batch}").mkdir(parents=True)
        splits[split] = [f"batch_{batch}/{i:06}.jpg" for i in range(count)]
        for i, name in enumerate(splits[split]):
            height, width = size[::-1] if i % 3 == 1 else size
            classes = [1 + i % 4, 1 + (i + 1) % 4, 1 + (i + 2) % 4, 255]
            image, _, polygons = _scene(rng, (height, width), classes, GROUND)
            _save_jpeg(image, folder / "data" / name, sideways=i == 0)
            images.append(_taco_image(len(images), width, height, name))
            for points, value in zip(polygons, classes, strict=True):
                annotations.append(
                    _annotation(len(annotations) + 1, images[-1]["id"], CATEGORY_OF[value], points)
                )
    (folder / "splits.json").write_text(json.dumps(splits))
    if labels:
        document = {
            "info": {"year": 2019, "description": "TACO"},
            "images": images,
            "annotations": annotations,
            "scene_annotations": [
                {"image_id": image["id"], "background_ids": [image["id"] % len(SCENES)]}
                for image in images
            ],
            "licenses": [],
            "categories": CATEGORIES,
            "scene_categories": [{"id": i, "name": name} for i, name in enumerate(SCENES)],
        }
        (folder / "data" / "annotations.json").write_text(json.dumps(document))
    return folder


def _taco_image(number: int, width: int, height: int, name: str) -> dict[str, Any]:
    return {
        "id": number,
        "width": width,
        "height": height,
        "file_name": name,
        "license": None,
        "flickr_url": f"http://127.0.0.1:9/original/{name}",
        "coco_url": None,
        "date_captured": None,
        "flickr_640_url": f"http://127.0.0.1:9/small/{name}",
    }


def _annotation(number: int, image: int, category: int, points: Polygon) -> dict[str, Any]:
    xs, ys = np.array(points).T
    area = abs(float(np.dot(xs, np.roll(ys, 1)) - np.dot(ys, np.roll(xs, 1)))) / 2
    box = [float(v) for v in (xs.min(), ys.min(), np.ptp(xs), np.ptp(ys))]
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": [[v for point in points for v in point]],
        "area": area,
        "bbox": box,
        "iscrowd": 0,
    }


def _save_jpeg(image: Image.Image, path: Path, sideways: bool = False) -> None:
    """``sideways`` stores the photograph turned, with EXIF orientation 6, as phones do."""
    exif = Image.Exif()
    if sideways:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[EXIF_ORIENTATION] = 6
    image.save(path, quality=95, subsampling=0, exif=exif)


def make_folder(
    root: Path,
    train: int = 4,
    val: int = 2,
    size: Size = (48, 64),
    seed: int = 0,
    task: Task = Task.MATERIAL,
) -> Path:
    """``images/<split>/x.jpg`` and ``masks/<split>/x.png`` holding ids of ``task``."""
    folder, rng = root / "folder", np.random.default_rng(seed + 2)
    for split, count in (("train", train), ("val", val)):
        images, masks = folder / "images" / split, folder / "masks" / split
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        for i in range(count):
            image, mask, _ = _scene(rng, size, [1 + i % 4, 1 + (i + 1) % 4], GROUND)
            _save_jpeg(image, images / f"photo {i}.jpg")
            if task == Task.BINARY:
                mask = mask.point(lambda value: int(value > 0))
            mask.save(masks / f"photo {i}.png")
    return folder


def make_coco(
    root: Path,
    train: int = 4,
    val: int = 2,
    size: Size = (48, 64),
    seed: int = 0,
    folders: bool = False,
) -> Path:
    """``annotations/instances_<split>.json`` and ``images/``; a fifth category has no material.

    With ``folders`` the images lie in ``images/<split>/``, and no annotation is needed to list
    them.
    """
    folder, rng = root / "coco", np.random.default_rng(seed + 3)
    (folder / "annotations").mkdir(parents=True)
    names = [*Task.MATERIAL.classes[1:], "shoe"]
    categories = [{"id": 10 + i, "name": name} for i, name in enumerate(names)]
    for split, count in (("train", train), ("val", val)):
        own = folder / "images" / split if folders else folder / "images"
        own.mkdir(parents=True, exist_ok=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for i in range(count):
            name = f"{split}_{i}.jpg"
            classes = [1 + i % 4, 1 + (i + 1) % 4, 255]
            image, _, polygons = _scene(rng, size, classes, GROUND)
            _save_jpeg(image, own / name)
            images.append({"id": i, "file_name": name, "width": size[1], "height": size[0]})
            for points, value in zip(polygons, classes, strict=True):
                category = 14 if value == 255 else 9 + value
                annotations.append(_annotation(len(annotations) + 1, i, category, points))
        document = {"images": images, "annotations": annotations, "categories": categories}
        (folder / "annotations" / f"instances_{split}.json").write_text(json.dumps(document))
    return folder


STREETS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""Ids of Cityscapes' masks that are classes."""


def _street(rng: np.random.Generator, size: Size, start: int) -> tuple[Image.Image, Image.Image]:
    """An image of four stripes and its mask of ids; the last stripe is none of the 19 classes."""
    ids = [STREETS[(start + k) % 19] for k in range(3)] + [4]
    mask = np.repeat(np.array(ids, np.uint8), -(-size[1] // 4))[: size[1]]
    mask = np.broadcast_to(mask, size)
    noise = rng.normal(0, 6, (*size, 3)) + 7 * mask[..., None]
    return Image.fromarray(noise.clip(0, 255).astype(np.uint8)), Image.fromarray(mask.copy())


def make_cityscapes(
    root: Path, train: int = 4, val: int = 2, size: Size = (48, 64), seed: int = 0
) -> Path:
    """``leftImg8bit/SPLIT/CITY/..._leftImg8bit.png``, and grey ``labelIds`` files in ``gtFine``."""
    folder, rng = root / "cityscapes", np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        for i in range(count):
            city = ("aachen", "bremen")[i % 2]
            image, mask = _street(rng, size, 3 * i)
            for what, suffix, picture in (
                ("leftImg8bit", "leftImg8bit", image), ("gtFine", "gtFine_labelIds", mask)
            ):  # fmt: skip
                place = folder / what / split / city
                place.mkdir(parents=True, exist_ok=True)
                picture.save(place / f"{city}_{i:06}_000019_{suffix}.png")
    return folder


def make_gta5(
    root: Path, train: int = 4, val: int = 1, size: Size = (48, 64), seed: int = 0
) -> Path:
    """``images/NNNNN.png``, and ``labels/NNNNN.png`` with a palette."""
    folder, rng = root / "gta5", np.random.default_rng(seed)
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for i in range(train + val):
        image, mask = _street(rng, size, 3 * i)
        image.save(folder / "images" / f"{i + 1:05}.png")
        mask.putpalette([7] * 768)  # the colours say nothing, the indices count
        mask.save(folder / "labels" / f"{i + 1:05}.png")
    return folder


def make_zerowaste(
    root: Path, train: int = 4, val: int = 2, size: Size = (48, 64), seed: int = 0
) -> Path:
    """``splits_final_deblurred/SPLIT/data`` and ``sem_seg``, with suffixes in capitals."""
    folder, rng = root / "zerowaste", np.random.default_rng(seed)
    for split, count in (("train", train), ("val", val)):
        places = [folder / "splits_final_deblurred" / split / name for name in ("data", "sem_seg")]
        for place in places:
            place.mkdir(parents=True)
        for i in range(count):
            image, mask, _ = _scene(rng, size, [1 + i % 4, 1 + (i + 1) % 4], BELT)
            for place, picture in zip(places, (image, mask), strict=True):
                picture.save(place / f"{i:02}_frame.PNG", "png")
    return folder


def scramble_resortit(folder: Path, seed: int = 0) -> None:
    """Replaces every mask by one of random ids: what a run that peeks at labels would show."""
    rng = np.random.default_rng(seed)
    for path in sorted((folder / "labels").rglob("*.png")):
        with Image.open(path) as mask:
            shape = (mask.height, mask.width)
        noise: NDArray[np.uint8] = rng.integers(0, 5, size=shape, dtype=np.uint8)
        Image.fromarray(noise).save(path)


def scramble_taco(folder: Path, seed: int = 0) -> None:
    """Replaces every polygon and category of the annotations by a random one."""
    rng = np.random.default_rng(seed)
    path = folder / "data" / "annotations.json"
    document = json.loads(path.read_text())
    sizes = {image["id"]: (image["height"], image["width"]) for image in document["images"]}
    for entry in document["annotations"]:
        points = _polygon(rng, sizes[entry["image_id"]], int(rng.integers(4)))
        entry.update(
            _annotation(entry["id"], entry["image_id"], int(rng.integers(len(CATEGORIES))), points)
        )
    path.write_text(json.dumps(document))


def _named(prefix: str) -> dict[str, Callable[..., Any]]:
    return {
        name.removeprefix(prefix).replace("_", "-"): function
        for name, function in globals().items()
        if name.startswith(prefix)
    }


MAKERS = _named("make_")
"""``make_NAME`` by data set: every data set that reads the disk has one, which tests ask for."""
SCRAMBLERS = _named("scramble_")
"""``scramble_NAME`` by data set."""
