"""What is kept of a pass is what the networks say, at the place that was drawn."""

import io

import numpy as np
import torch
from PIL import Image

from dagen.colours import NAMED
from dagen.datasets.loading import transforms
from dagen.datasets.loading.transforms import to_tensor
from dagen.scoring.evaluation import evaluate
from dagen.visualization import surveying, thumbnails
from dagen.visualization.survey import Side, Survey
from tests.visualization.tiny_survey import QUOTA


def test_points_are_balanced_and_labelled_as_the_data_set_says(seen: Survey) -> None:
    points = seen.points
    counts = [
        [int(((points.domain == d) & (points.label == c)).sum()) for c in range(5)] for d in (0, 1)
    ]
    assert counts == [[QUOTA] * 5] * 2
    for p in range(len(points)):
        picture = seen.pictures[points.picture[p]]
        assert picture.domain == points.domain[p]
        label = seen.sides[picture.domain].dataset.label(picture.index)
        row, column = int(points.y[p] * label.shape[0]), int(points.x[p] * label.shape[1])
        assert label[row, column] == points.label[p]


def test_the_seed_decides_what_is_drawn(sides: tuple[Side, Side], seen: Survey) -> None:
    grid = surveying.feature_grid(seen.checkpoints)
    again, other = (surveying.draw_points(sides, grid, QUOTA, seed) for seed in (0, 1))
    assert np.array_equal(again.y, seen.points.y) and np.array_equal(again.x, seen.points.x)
    assert not np.array_equal(other.y, seen.points.y)


@torch.inference_mode()
def test_features_and_answers_are_those_of_the_network(seen: Survey) -> None:
    for k, c in enumerate(seen.checkpoints):
        for which, picture in enumerate(seen.pictures):
            image = seen.sides[picture.domain].dataset.image(picture.index)
            size = transforms.cover(image.shape[:2], c.card.size, c.predictor.network.multiple)
            out = c.predictor.network(to_tensor(transforms.resize(image, size))[None])
            p = c.predictor(image)
            for point in np.flatnonzero(seen.points.picture == which):
                y, x = seen.points.y[point], seen.points.x[point]
                _, _, height, width = out.features.shape
                expected = out.features[0, :, int(y * height), int(x * width)].numpy()
                assert np.allclose(seen.features[k][point], expected, atol=1e-5)
                answer = p[:, int(y * image.shape[0]), int(x * image.shape[1])]
                assert seen.predictions[k, point] == answer.argmax()
                assert np.isclose(seen.confidence[k, point], answer.max(), atol=1e-6)


def test_scores_are_those_of_an_evaluation(seen: Survey) -> None:
    for k, c in enumerate(seen.checkpoints):
        for domain, side in enumerate(seen.sides):
            assert seen.scores(k, domain).to_dict() == evaluate(c.predictor, side.dataset).to_dict()


def test_the_grid_is_that_of_the_feature_map(seen: Survey) -> None:
    grid = surveying.feature_grid(seen.checkpoints)
    for shape in ((48, 64), (64, 48), (50, 61)):
        for c in seen.checkpoints:
            size = transforms.cover(shape, c.card.size, c.predictor.network.multiple)
            features = c.predictor.network(torch.zeros(1, 3, *size)).features
            assert grid(shape) == tuple(features.shape[2:])


def test_thumbnails_are_small_and_show_their_label(seen: Survey) -> None:
    big = np.zeros((400, 800), np.uint8)
    big[:200, :400], big[200:, 400:] = 3, 255
    with Image.open(io.BytesIO(thumbnails.label(big, seen.task))) as found:
        assert found.format == "PNG" and found.size == (320, 160)
        pixels = np.asarray(found.convert("RGBA"))
    assert pixels[10, 10].tolist() == [*NAMED["bottle"], 255]
    assert pixels[10, 300, 3] == 0  # background lets the photograph through
    assert pixels[150, 300].tolist() == [128, 128, 128, 255]
    with Image.open(io.BytesIO(thumbnails.photo(np.zeros((30, 20, 3), np.uint8)))) as found:
        assert found.format == "JPEG" and found.size == (20, 30)  # nothing is enlarged
