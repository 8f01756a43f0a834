"""The deployed file as an MLflow model."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dagen.errors import DagenError, UsageError
from dagen.models.base import Network, create_network, upsample
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.runs.log import RunLog
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.tracking.delivery import Delivery, deliver
from dagen.tracking.serving import Segmenter, save_model
from dagen.tracking.state import STATE
from dagen.tracking.store import connect, tracking_uri
from dagen.types import Task

SIZE = (32, 64)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_network("enet", Task.MATERIAL, 0.25, {})
        for _ in range(10):  # statistics and weights with which every image has several classes
            network(torch.rand(2, 3, *SIZE))
        head = network.head.weight
        assert isinstance(head, torch.Tensor)
        torch.nn.init.normal_(head)
        network.eval()
    path = tmp_path_factory.mktemp("deployed") / "model.safetensors"
    save_deployed(path, network, Card("enet", "material", SIZE, 0.25))
    return path


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Two images of the size that the network was made for: nothing is resized."""
    return np.random.default_rng(0).integers(0, 256, (2, *SIZE, 3), dtype=np.uint8)


def by_hand(network: Network, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    with torch.inference_mode():
        x = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
        masks: NDArray[np.int64] = upsample(network(x).logits, SIZE).argmax(1).numpy()
    return masks


def test_mlflow_gives_back_what_was_logged(
    runs: Path, deployed: Path, images: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog.open(runs / "run")
    log.model(deployed)
    Delivery(log.folder, "experiment", "run")
    before = (log.folder / STATE).read_bytes()
    run_id = deliver(log.folder)
    # A process that died before it noted the delivery, or that logs the same file again:
    (log.folder / STATE).write_bytes(before)
    log.model(deployed)
    assert deliver(log.folder) == run_id

    import mlflow

    client = connect(tracking_uri(runs))
    experiment = client.get_run(run_id).info.experiment_id
    assert len(client.search_logged_models([experiment])) == 1
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(runs))
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    assert model.metadata.signature is not None and model.metadata.run_id == run_id
    expected = by_hand(load_deployed(deployed)[0], images)
    assert len(np.unique(expected)) > 1
    for batch in (images, (images / 255).astype(np.float32), images.astype(object)):
        masks = model.predict(batch)
        assert masks.dtype == np.uint8 and masks.shape == expected.shape
        assert (masks == expected).mean() > 0.99  # but for ties that rounding decides


def test_nothing_is_pickled(tmp_path: Path, deployed: Path) -> None:
    from mlflow.models import Model

    save_model(tmp_path / "model", deployed)
    files = {str(p.relative_to(tmp_path / "model")) for p in (tmp_path / "model").rglob("*.*")}
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".pth"))]
    assert (tmp_path / "model/data/model.safetensors").read_bytes() == deployed.read_bytes()
    flavors = Model.load(str(tmp_path / "model")).flavors
    assert list(flavors) == ["python_function"]
    assert flavors["python_function"]["loader_module"] == "dagen.tracking.serving"


def test_masks_have_the_size_of_the_images(deployed: Path) -> None:
    segmenter = Segmenter(TorchPredictor.load(deployed))
    images = np.zeros((1, 45, 61, 3), np.uint8)
    assert segmenter.predict(images).shape == (1, 45, 61)
    assert segmenter.predict(images.tolist()).shape == (1, 45, 61)


def test_floats_and_whole_numbers_mean_the_same_images(
    deployed: Path, images: NDArray[np.uint8]
) -> None:
    segmenter = Segmenter(TorchPredictor.load(deployed))
    expected = segmenter.predict(images)
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(segmenter.predict((images / 255).astype(dtype)), expected)
    np.testing.assert_array_equal(segmenter.predict(images.astype(np.int64)), expected)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((8, 8, 3), np.uint8), r"shape \(8, 8, 3\); give \(N, H, W, 3\)"),
        (np.zeros((1, 3, 8, 8), np.uint8), "give"),
        (np.zeros((0, 8, 8, 3), np.uint8), "give"),
        (np.zeros((1, 8, 8, 3), bool), "images are bool"),
        (np.full((1, 8, 8, 3), 255.0), "floats from 0 to 1"),
        (np.full((1, 8, 8, 3), np.nan), "floats from 0 to 1"),
        (np.full((1, 8, 8, 3), 256), "integers go from 0 to 255"),
        (np.full((1, 8, 8, 3), -1), "integers go from 0 to 255"),
    ],
)
def test_other_arrays_are_refused(deployed: Path, images: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Segmenter(TorchPredictor.load(deployed)).predict(images)


def test_a_damaged_model_is_refused_by_mlflow_too(tmp_path: Path, deployed: Path) -> None:
    import mlflow.pyfunc

    save_model(tmp_path / "model", deployed)
    copy = next((tmp_path / "model").rglob("*.safetensors"))
    content = bytearray(copy.read_bytes())
    content[-9] ^= 16
    copy.write_bytes(content)
    with pytest.raises(DagenError, match="its weights differ from their checksum"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))
