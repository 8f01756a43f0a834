"""A PyTorch network as a predictor."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.loading import transforms
from dagen.errors import DagenError
from dagen.models.base import create_network, upsample
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.scoring.predictor import Predictor, mask
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
from tests.scoring.by_hand import Brightness, Halves
from tests.toy import ToyNetwork

SIZE = (16, 32)


@pytest.fixture(scope="module")
def predictor() -> TorchPredictor:
    torch.manual_seed(0)
    return TorchPredictor(ToyNetwork(5), Task.MATERIAL, SIZE, name="toy")


@pytest.fixture(scope="module")
def photographs() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in [(30, 50), (61, 45)] * 4]


def test_probabilities_have_the_images_own_size() -> None:
    image = np.ascontiguousarray(Halves().image(0)[:30, :50])
    found = TorchPredictor(Brightness(), Task.BINARY, (16, 16))(image)
    assert found.shape == (2, 30, 50) and found.dtype == np.float32
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)
    assert mask(found).dtype == np.uint8 and mask(found).shape == (30, 50)
    np.testing.assert_array_equal(mask(found), found.argmax(0))


def test_the_network_sees_the_image_at_the_size_that_its_input_covers(
    predictor: TorchPredictor, photographs: list[np.ndarray]
) -> None:
    for image in photographs[:2]:
        shape = (image.shape[0], image.shape[1])
        fitted = transforms.resize(image, transforms.cover(shape, SIZE, ToyNetwork.multiple))
        with torch.inference_mode():
            out = predictor.network(transforms.to_tensor(fitted)[None])
        seen = predictor.observe(image)
        wanted = upsample(out.logits, shape).softmax(1)[0]
        np.testing.assert_allclose(seen.probabilities, wanted, atol=1e-6)
        np.testing.assert_allclose(seen.features, out.features[0], atol=1e-6)
        np.testing.assert_array_equal(predictor(image), seen.probabilities)


def test_threads_may_ask_at_once(predictor: TorchPredictor, photographs: list[np.ndarray]) -> None:
    alone = [predictor.observe(image) for image in photographs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(predictor.observe, photographs))
    for one, other in zip(alone, together, strict=True):
        # Kernels may add in another order where they may use other threads.
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
        np.testing.assert_allclose(one.features, other.features, atol=1e-5)


def test_a_deployed_file_says_what_it_is(tmp_path: Path, photographs: list[np.ndarray]) -> None:
    path = tmp_path / "model.safetensors"
    network = create_network("enet", Task.BINARY, 0.25, {})
    save_deployed(path, network, Card("enet", "binary", (32, 64), 0.25))
    found: Predictor = TorchPredictor.load(str(path))
    assert (found.name, found.task, found.size) == ("enet", Task.BINARY, (32, 64))
    assert found.bytes == path.stat().st_size
    own = TorchPredictor(network, Task.BINARY, (32, 64))
    np.testing.assert_array_equal(found(photographs[0]), own(photographs[0]))
    assert own.bytes is None
    assert TorchPredictor.load(path, size=(64, 64)).size == (64, 64)
    with pytest.raises(DagenError, match=r"none\.safetensors"):
        TorchPredictor.load(tmp_path / "none.safetensors")
