import numpy as np
import pytest

from dagen.datasets.maps.teachers.regions import GREY, Region, nearest, picture, regions_of
from dagen.types import Image


def shown() -> np.ndarray:
    """Two pieces that touch at a corner are one; a speck lies apart."""
    mask = np.zeros((20, 30), bool)
    mask[2:6, 3:9] = mask[6:8, 9:12] = True
    mask[12:18, 20:24] = True
    mask[18, 2] = True
    return mask


def test_regions_are_the_connected_pieces_that_are_large_enough() -> None:
    found = regions_of(shown(), 2 / 600)
    assert [r.box for r in found] == [(2, 3, 6, 9), (12, 20, 6, 4)]
    assert [r.area for r in found] == [24 + 6, 24]
    assert len(regions_of(shown(), 0)) == 3 and regions_of(np.zeros((4, 4), bool), 0) == []


@pytest.mark.parametrize("turned", [False, True])
def test_every_pixel_belongs_to_the_nearest_region(turned: bool) -> None:
    found = regions_of(shown(), 2 / 600)
    if turned:
        found = found[::-1]
    places = []
    for region in found:
        top, left, _, _ = region.box
        places.append(np.argwhere(region.inside) + np.array([top, left]))
    near = nearest(found, (20, 30))
    for row in range(20):
        for column in range(30):
            far = [np.hypot(*(each - [row, column]).T).min() for each in places]
            assert far[near[row, column]] <= min(far) * 1.05  # OpenCV's distances are within that


def test_a_picture_shows_the_region_in_the_middle_and_grey_around() -> None:
    image: Image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 20:40] = (200, 100, 50)
    image[15:, 30:] = 255  # another thing in the same box
    inside = np.ones((10, 20), bool)
    inside[5:, 10:] = False
    square, mask = picture(image, Region((10, 20, 10, 20), inside), 56)
    assert square.shape == (56, 56, 3) and mask.shape == (56, 56)
    assert (square[:16] == GREY).all() and (square[:, :7] == GREY).all()
    assert tuple(square[20, 20]) == (200, 100, 50) and mask[20, 20] == 255
    assert (square[36, 40] == GREY).all() and mask[36, 40] == 0
    rows, columns = np.nonzero(mask > 127)
    assert (rows.min(), columns.min(), columns.max()) == (18, 8, 47)  # a fifth of 56 / 1.4 free


def test_large_and_small_regions_fill_their_pictures_alike() -> None:
    for scale in (1, 10):
        image: Image = np.full((40 * scale, 40 * scale, 3), 9, np.uint8)
        inside = np.ones((8 * scale, 8 * scale), bool)
        square, mask = picture(image, Region((4, 4, 8 * scale, 8 * scale), inside), 70)
        assert int((mask > 127).sum()) == 50 * 50 and (square[35, 35] == 9).all()
