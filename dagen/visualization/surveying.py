"""One pass over the images of both domains, from which all figures and numbers are made.

An image is decoded once and forwarded through every network. The pass keeps each network's scores
at the label's own resolution, its features at the drawn points, and thumbnails small enough for a
page of hundreds.

Networks run as they would be deployed, with the batch-norm statistics of their files, on both
domains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray

from dagen.datasets.base import Label
from dagen.errors import DataError
from dagen.scoring.evaluation import count, scores_for
from dagen.scoring.found_objects import objects
from dagen.scoring.predictor import mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import IGNORE
from dagen.visualization import sampling, thumbnails
from dagen.visualization.embedding import Floats
from dagen.visualization.networks import Checkpoint
from dagen.visualization.survey import Picture, Points, Side, Survey


def draw_points(
    sides: tuple[Side, Side],
    grid_of: Callable[[tuple[int, int]], tuple[int, int]],
    quota: int,
    seed: int,
    on_image: Callable[[], None] = lambda: None,
) -> Points:
    """Draw equally many pixels of every class from both domains; reads labels only.

    If the target has no labels, pixels of both domains are drawn regardless of their class, so that
    the two are drawn alike.

    Args:
        sides: source and target.
        grid_of: maps an image's height and width to rows and columns of its feature map.
        quota: number of points of each class and domain.
        seed: seed of the draw.
        on_image: called after each label.

    Raises:
        DataError: a domain has no labelled pixel.
    """
    parts: list[NDArray[np.float64]] = []
    first, by_class = 0, all(side.labelled for side in sides)
    for domain, side in enumerate(sides):
        grids: list[Label] = []
        for index in side.chosen:
            label = _label(side, index)
            grids.append(sampling.on_grid(label, grid_of((label.shape[0], label.shape[1]))))
            on_image()
        count = side.dataset.task.num_classes
        if by_class:
            cells = sampling.balanced(grids, count, quota, (seed, domain))
        else:
            cells = sampling.regardless(grids, count * quota, (seed, domain))
        if not len(cells):
            raise DataError(f"{side.told} has no labelled pixel; give another --split.")
        shapes = np.array([grids[image].shape for image in cells[:, 0]])
        middle = (cells[:, 1:3] + 0.5) / shapes
        ends = np.full(len(cells), domain), cells[:, 0] + first
        parts.append(np.column_stack([*ends, middle, cells[:, 3]]))
        first += len(side.chosen)
    domain_, picture, y, x, label_ = np.concatenate(parts).T
    return Points(
        domain_.astype(np.uint8),
        picture.astype(np.int64),
        y.astype(np.float32),
        x.astype(np.float32),
        label_.astype(np.uint8),
    )


def _label(side: Side, index: int) -> Label:
    """The label of an image; all of it is ``IGNORE`` in a domain without labels."""
    if side.labelled:
        return side.dataset.label(index)
    height, width = side.dataset.image(index).shape[:2]
    return np.full((height, width), IGNORE, np.uint8)


def look(
    checkpoints: list[Checkpoint],
    sides: tuple[Side, Side],
    points: Points,
    seed: int,
    device: torch.device,
    on_image: Callable[[], None] = lambda: None,
) -> Survey:
    """Forward every image through every network.

    On a CPU several images are processed at once, each by one thread: small convolutions gain
    little from more threads, and lose much if threads wait for one another on a busy machine.

    Args:
        checkpoints: the networks; they are moved to ``device``.
        sides: source and target.
        points: positions at which features are kept.
        seed: seed of the draw of ``points``; only stored.
        device: where the networks run.
        on_image: called after each image.
    """
    predictors = [c.predictor for c in checkpoints]
    for predictor in predictors:
        if isinstance(predictor, TorchPredictor):
            predictor.network.to(device)
    size = len(checkpoints), len(points)
    predictions, confidence = np.zeros(size, np.uint8), np.zeros(size, np.float32)
    features = [np.zeros((len(points), p.feature_channels), np.float32) for p in predictors]
    images = [(domain, index) for domain, side in enumerate(sides) for index in side.chosen]

    def one(place: int) -> Picture:
        domain, index = images[place]
        dataset, labelled = sides[domain].dataset, sides[domain].labelled
        image = dataset.image(index)
        label = dataset.label(index) if labelled else np.full(image.shape[:2], IGNORE, np.uint8)
        here = np.flatnonzero(points.picture == place)
        y, x = points.y[here], points.x[here]
        scores, answers = [], []
        for k, predictor in enumerate(predictors):
            probabilities, seen = predictor.observe(image)
            features[k][here] = seen[:, *_cells(y, x, seen.shape[1:])].T
            answer, at = mask(probabilities), _cells(y, x, label.shape)
            predictions[k, here] = answer[at]
            confidence[k, here] = probabilities[:, *at].max(0)
            answers.append(answer)
            scores.append(scores_for(dataset))
            if labelled:
                count(scores[k], [(probabilities, label)])
        task = dataset.task
        return Picture(
            domain=domain,
            index=index,
            name=dataset.name(index),
            scene=dataset.scene(index),
            photo=thumbnails.photo(image),
            truth=thumbnails.label(label, task) if labelled else b"",
            predictions=[thumbnails.label(found, task) for found in answers],
            scores=scores,
            objects=objects(label, answers, task) if domain == 1 and labelled else [],
        )

    pictures = []
    for picture in _in_threads(one, len(images), device):
        pictures.append(picture)
        on_image()
    task = sides[0].dataset.task
    return Survey(
        task, checkpoints, sides, pictures, points, features, predictions, confidence, seed
    )


def _in_threads(
    one: Callable[[int], Picture], count: int, device: torch.device
) -> Iterator[Picture]:
    """``one`` of 0, 1, ... in order; on a CPU, as many at once as torch may use threads."""
    threads = torch.get_num_threads()
    if device.type != "cpu":
        yield from map(one, range(count))
        return
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(one, range(count))
    finally:
        torch.set_num_threads(threads)  # some of its settings affect the whole process


def feature_grid(checkpoints: Sequence[Checkpoint]) -> Callable[[tuple[int, int]], tuple[int, int]]:
    """A function from an image's size to the rows and columns of its coarsest feature map."""

    def grid(shape: tuple[int, int]) -> tuple[int, int]:
        return min((c.predictor.feature_shape(shape) for c in checkpoints), key=math.prod)

    return grid


def _cells(
    y: Floats, x: Floats, grid: tuple[int, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the grid cells that contain the points."""
    rows, columns = (
        np.minimum((where * cells).astype(np.int64), cells - 1)
        for where, cells in zip((y, x), grid, strict=True)
    )
    return rows, columns
