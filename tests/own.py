"""Makers of people's own data sets: other folders, other names, other ids."""

import json
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIZE = (48, 64)


def image_and_mask(seed: int, values: Sequence[int], ground: int = 40) -> tuple[Any, Any]:
    """An image with one box for each value of a mask, and the mask; 0 is around them."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(ground, 6, (*SIZE, 3)).clip(0, 255).astype(np.uint8)
    image, mask = Image.fromarray(noise), Image.new("L", SIZE[::-1])
    for k, value in enumerate(values):
        x, y = 2 + k * (60 // max(1, len(values))), int(rng.integers(2, 12))
        box = (x, y, x + 48 // max(1, len(values)), y + 24)
        ImageDraw.Draw(image).rectangle(box, fill=(40 + 67 * k % 200, 200 - 31 * k % 150, 90))
        ImageDraw.Draw(mask).rectangle(box, fill=value)
    return image, mask


def make_masks(
    root: Path, toml: str, values: Sequence[int] = (128, 255), count: int = 5, labels: bool = True
) -> Path:
    """``photos/pN.jpg``, ``drawn/pN.png`` and a ``dagen.toml`` that ends with ``toml``."""
    (root / "photos").mkdir(parents=True)
    for i in range(count):
        image, mask = image_and_mask(i, values)
        image.save(root / "photos" / f"p{i}.jpg", quality=95)
        if labels:
            (root / "drawn").mkdir(exist_ok=True)
            mask.save(root / "drawn" / f"p{i}.png")
    head = 'kind = "folder"\nimages = "photos"\nmasks = "drawn"\n'
    (root / "dagen.toml").write_text(head + toml)
    return root


def make_roboflow(root: Path, toml: str = "", names: Sequence[str] = ("can", "bag")) -> Path:
    """Roboflow's COCO export: ``SPLIT/_annotations.coco.json`` beside the images."""
    for split in ("train", "valid"):
        (root / split).mkdir(parents=True)
        images, annotations = [], []
        for i in range(3):
            image, mask = image_and_mask(i, [k + 1 for k in range(len(names))])
            image.save(root / split / f"r{i}.jpg", quality=95)
            images.append({"id": i, "file_name": f"r{i}.jpg", "width": 64, "height": 48})
            for k in range(len(names)):
                ys, xs = np.nonzero(np.asarray(mask) == k + 1)
                x, y, right, low = (
                    int(v) for v in (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
                )
                annotations.append({
                    "id": len(annotations), "image_id": i, "category_id": k,
                    "segmentation": [[x, y, right, y, right, low, x, low]],
                })  # fmt: skip
        categories = [{"id": k, "name": name} for k, name in enumerate(names)]
        document = {"images": images, "annotations": annotations, "categories": categories}
        (root / split / "_annotations.coco.json").write_text(json.dumps(document))
    (root / "dagen.toml").write_text(
        'kind = "coco"\nimages = "{split}"\nannotations = "{split}/_annotations.coco.json"\n'
        f'splits = {{train = "train", val = "valid"}}\n{toml}'
    )
    return root


def reverse_ids(root: Path, count: int) -> None:
    """Other labels for the same images: the ids of ``make_masks`` in reverse order."""
    for path in sorted((root / "drawn").iterdir()):
        with Image.open(path) as file:
            ids = np.asarray(file)
        Image.fromarray((count - 1 - ids).astype(np.uint8)).save(path)


def make_photos(root: Path, count: int) -> Path:
    """A plain folder of photographs, ``sN.jpg``."""
    root.mkdir(parents=True)
    for seed in range(count):
        image_and_mask(100 + seed, [])[0].save(root / f"s{seed}.jpg")
    return root


def grey_png(ids: NDArray[np.uint8], bits: int) -> bytes:
    """A PNG file of ids (H, W) in grey of few bits a pixel; a row must fill whole bytes."""
    rows = ("".join(f"{value:0{bits}b}" for value in row) for row in ids.tolist())
    packed = b"".join(b"\0" + int(row, 2).to_bytes(len(row) // 8, "big") for row in rows)
    header = struct.pack(">IIBBBBB", *ids.shape[::-1], bits, 0, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(packed)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
