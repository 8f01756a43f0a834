"""What is done with a network that is there, with paths as strings and images as arrays."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import dagen
from dagen.errors import DataError, UsageError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import save_deployed
from dagen.types import Task
from tests import tiny
from tests.scoring.video.films import film

SIZE = (32, 64)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("deployed") / "model.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_network("enet", Task.BINARY, 0.25, {})
    with torch.no_grad():
        network.get_parameter("head.weight").mul_(20)  # not one class everywhere
    save_deployed(path, network, Card("enet", "binary", SIZE, 0.25))
    return str(path)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (45, 61, 3), dtype=np.uint8)


def test_a_predictor_says_what_it_is(model: str) -> None:
    found = dagen.load(model, device="cpu")
    assert (found.name, found.task, found.size) == ("enet", Task.BINARY, SIZE)
    assert found.bytes == Path(model).stat().st_size
    assert dagen.load(model, size="64x64").size == dagen.load(Path(model), size=(64, 64)).size
    with pytest.raises(UsageError, match="size"):
        dagen.load(model, size=(0, 64))


def test_an_array_becomes_a_mask_and_probabilities(model: str, image: np.ndarray) -> None:
    mask, probabilities = dagen.predict(model, image)
    assert mask.shape == (45, 61) and mask.dtype == np.uint8
    assert probabilities.shape == (2, 45, 61) and probabilities.dtype == np.float32
    np.testing.assert_array_equal(mask, probabilities.argmax(0))
    assert len(np.unique(mask)) == 2
    loaded = dagen.predict(dagen.load(model), image)
    np.testing.assert_array_equal(loaded.probabilities, probabilities)
    flipped = dagen.predict(model, image[:, ::-1])  # a view with negative strides
    assert flipped.mask.shape == (45, 61)


def test_files_become_the_same_masks(model: str, image: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(image).save(tmp_path / "photos" / "a.png")
    for given in (model, dagen.load(model)):
        written = dagen.predict(given, str(tmp_path / "photos"), str(tmp_path / "marked"))
        assert written == [tmp_path / "marked" / "a.png"]
        with Image.open(written[0]) as found:
            np.testing.assert_array_equal(np.asarray(found), dagen.predict(model, image).mask)


def test_predict_a_video(model: str, tmp_path: Path) -> None:
    masks = dagen.predict(model, film(tmp_path / "a.mp4", 3), tmp_path / "out")
    assert [path.name for path in masks] == ["000001.png", "000002.png", "000003.png"]
    whole = film(tmp_path / "b.mp4", 60, movflags="faststart").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="ends in the middle"):
        dagen.predict(model, tmp_path / "cut.mp4", tmp_path / "out")
    assert any((tmp_path / "out" / "cut").iterdir())


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_other_arrays_are_refused_in_one_line(model: str, wrong: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"give \(H, W, 3\) uint8") as error:
        dagen.predict(model, wrong)
    assert str(wrong.shape) in str(error.value) and "\n" not in str(error.value)


def test_out_is_for_files_and_files_need_it(model: str, image: np.ndarray) -> None:
    with pytest.raises(UsageError, match="out is for image files"):
        dagen.predict(model, image, "marked")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match="photos needs a folder"):
        dagen.predict(model, "photos")  # type: ignore[call-overload]


def test_size_and_device_belong_to_a_file(model: str, image: np.ndarray) -> None:
    loaded = dagen.load(model)
    assert dagen.predict(model, image, size="64x128").mask.shape == (45, 61)
    with pytest.raises(UsageError, match=r"dagen\.load"):
        dagen.predict(loaded, image, size="64x128")
    with pytest.raises(UsageError, match=r"dagen\.load"):
        dagen.evaluate(loaded, data="taco", device="cpu")


def test_scores_of_a_file_and_of_a_predictor(model: str, tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=1, val=2)
    found = dagen.evaluate(model, data="taco", data_root=str(tmp_path / "data"))
    assert 0 <= found["waste_iou"] <= 1
    assert found == dagen.evaluate(dagen.load(model), data="taco", data_root=tmp_path / "data")


def test_profile_by_name_and_by_file(model: str) -> None:
    found = dagen.profile("enet", size=SIZE, width=0.25, task="binary")
    assert found.flops == 2 * found.macs
    for path in (model, Path(model)):
        assert dagen.profile(path, size="32x64").macs == found.macs
        assert dagen.profile(path).bytes == Path(model).stat().st_size, "with its card"
        assert dagen.profile(path).macs == found.macs, "the file's own size"
        assert dagen.profile(path, size="64x64").macs == 2 * found.macs
    assert dagen.profile("enet", width=0.25, task="binary").macs == 49 * found.macs  # 224x448
    with pytest.raises(UsageError, match="did you mean 'enet'"):
        dagen.profile("ennet")
    with pytest.raises(UsageError, match="task is 'glass'"):
        dagen.profile("enet", task="glass")
