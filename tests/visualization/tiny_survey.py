"""Two tiny untrained networks and what they make of tiny data."""

from pathlib import Path

import torch

from dagen.datasets.loading.opening import open_dataset
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.types import Task
from dagen.visualization import networks, surveying
from dagen.visualization.survey import Side, Survey
from tests import tiny

SIZE = (32, 64)
QUOTA = 12
"""Points of each class and domain."""


def deployed(path: Path, seed: int, width: float = 0.25, **run: object) -> Path:
    """An untrained ENet as a deployed file."""
    torch.manual_seed(seed)
    settings = {
        "method": ["supervised"], "model": "enet", "task": "material", "src": "resortit",
        "tgt": None, "size": list(SIZE), "steps": 3, "batch": 2, "seed": seed,
    }  # fmt: skip
    card = Card("enet", "material", SIZE, width, run={**settings, **run})
    path.parent.mkdir(parents=True, exist_ok=True)
    save_deployed(path, create_network("enet", Task.MATERIAL, width, {}), card)
    return path


def make_files(root: Path) -> list[Path]:
    """Source-only and advent, as their names go."""
    return [
        deployed(root / "before" / "model.safetensors", 1),
        deployed(root / "after" / "model.safetensors", 2, method=["advent"], tgt="taco"),
    ]


def make_sides(root: Path) -> tuple[Side, Side]:
    """Four belt images and five litter photographs."""
    tiny.make_resortit(root, train=1, val=4)
    tiny.make_taco(root, train=1, val=5)
    source, target = (
        Side(name, dataset, list(range(len(dataset))))
        for name in ("resortit", "taco")
        for dataset in [open_dataset(name, "val", Task.MATERIAL, root)]
    )
    return source, target


def make_survey(files: list[Path], sides: tuple[Side, Side]) -> Survey:
    """All of it, looked at."""
    opened = networks.open_all(files, "resortit")
    points = surveying.draw_points(sides, surveying.feature_grid(opened), QUOTA, 0)
    return surveying.look(opened, sides, points, 0, torch.device("cpu"))
