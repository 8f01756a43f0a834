import numpy as np
import pytest

from dagen.datasets.maps.base import Map, fitted


@pytest.mark.parametrize("layers", [(), (1,), (3,), (5,), (19,)])
@pytest.mark.parametrize("size", [(10, 7), (40, 50)])
def test_maps_of_any_number_of_layers_are_scaled(
    layers: tuple[int, ...], size: tuple[int, int]
) -> None:
    made = np.random.default_rng(0).integers(0, 256, (20, 14, *layers), dtype=np.uint8)
    found = fitted(made, (*size, 3))
    assert found.shape == (*size, *layers) and found.dtype == np.uint8
    if layers:
        each = [fitted(np.ascontiguousarray(made[..., k]), size) for k in range(layers[0])]
        assert np.array_equal(found, np.stack(each, 2))
    if size == (10, 7):  # each pixel is the mean of four
        mean = made.reshape(10, 2, 7, 2, *layers).mean((1, 3))
        assert np.abs(found - mean).max() <= 1


def test_a_whole_map_may_have_any_size() -> None:
    class Small(Map):
        digest = "small/1"
        whole = True

        def make(self, image: np.ndarray, name: str) -> np.ndarray:
            return np.full((4, 5), 7, np.uint8)

    image = np.zeros((30, 40, 3), np.uint8)
    assert Small().checked(image, "x").shape == (4, 5)
    Small.whole = False
    with pytest.raises(Exception, match=r"it must be uint8 or float, \(30, 40\)"):
        Small().checked(image, "x")
