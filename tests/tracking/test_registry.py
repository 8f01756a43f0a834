"""The registered model: loaded and served, it answers as the deployed file does."""

import http.client
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dagen.runs.log import RunLog
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.tracking.delivery import deliver, deliver_pending
from dagen.tracking.serving import Segmenter
from dagen.tracking.state import STATE, State
from dagen.tracking.store import connect, tracking_uri
from tests.servers import PATIENCE, free_port, started
from tests.tracking import made

NAME = "enet-material-resortit-to-taco"
ROOT = Path(__file__).parents[2]
IMAGES = np.random.default_rng(0).integers(0, 256, (2, *made.SIZE, 3), dtype=np.uint8)


def answer(model: Path) -> NDArray[np.uint8]:
    masks = Segmenter(TorchPredictor.load(model)).predict(IMAGES)
    assert len(np.unique(masks)) > 1
    return masks


def test_a_registered_model_loads_and_predicts(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    result = made.finish(made.config(), runs, track=True)
    client = connect(tracking_uri(runs))
    (version,) = client.search_model_versions(f"name = '{NAME}'")
    assert version.run_id == State.load(result.folder).run_id
    assert version.tags["method"] == "advent" and version.tags["seed"] == "0"
    assert version.tags["dagen.folder"] == result.name
    assert "dagen adapt --src resortit --tgt taco" in str(version.description)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking_uri(runs))
    model = mlflow.pyfunc.load_model(f"models:/{NAME}/{version.version}")
    signature = model.metadata.signature
    assert signature is not None and signature.outputs is not None
    assert signature.outputs.inputs[0].type == np.uint8
    about = model.metadata.metadata
    assert about["classes"][1] == "aluminium" and about["size"] == list(made.SIZE)
    np.testing.assert_array_equal(model.predict(IMAGES), answer(result.model))


def test_a_run_is_registered_once_and_each_run_has_a_version(runs: Path) -> None:
    first = made.finish(made.config(seed=0), runs, track=True)
    before = (first.folder / STATE).read_bytes()
    # A process that dies before it notes the delivery sends the model once more.
    log = RunLog.open(first.folder)
    log.model(first.model, registered=NAME, description="again", tags={"seed": 0})
    deliver(first.folder)
    (first.folder / STATE).write_bytes(before)
    deliver(first.folder)
    second = made.finish(made.config(seed=1), runs, track=True)
    versions = connect(tracking_uri(runs)).search_model_versions(f"name = '{NAME}'")
    assert {v.run_id for v in versions} == {
        State.load(run.folder).run_id for run in (first, second)
    }
    assert len(versions) == 2


def test_a_model_whose_delivery_broke_off_before_its_end_is_delivered_again(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "finalize_logged_model", die)
        folder = made.finish(made.config(), runs, track=True).folder
    assert deliver_pending(runs) == [folder]
    run = connect(tracking_uri(runs)).get_run(State.load(folder).run_id)
    assert run.info.status == "FINISHED"
    assert run.outputs is not None and len(run.outputs.model_outputs) == 1


def test_a_store_that_registers_nothing_gets_the_rest(
    runs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED

    def refuse(*_: Any, **__: Any) -> None:
        raise MlflowException("models are made by others", PERMISSION_DENIED)

    monkeypatch.setattr(MlflowClient, "create_registered_model", refuse)
    with caplog.at_level(logging.WARNING):
        result = made.finish(made.config(), runs, track=True)
    assert "logged but not registered: models are made by others" in caplog.text
    run = connect(tracking_uri(runs)).get_run(State.load(result.folder).run_id)
    assert run.info.status == "FINISHED" and run.outputs is not None


def test_the_model_is_served(runs: Path, tmp_path: Path) -> None:
    result = made.finish(made.config(), runs, track=True)
    port = free_port()
    command = [
        sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", f"models:/{NAME}/1",
        "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    env = {
        **os.environ,
        "MLFLOW_TRACKING_URI": tracking_uri(runs),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "OMP_NUM_THREADS": "1",
    }
    with started(command, port, "/ping", tmp_path / "serve.log", env):
        masks = posted(port, {"inputs": IMAGES.tolist()})
        expected = answer(result.model)
        assert np.array(masks["predictions"]).shape == expected.shape
        np.testing.assert_array_equal(np.array(masks["predictions"]), expected)
        floats = posted(port, {"inputs": (IMAGES / 255).tolist()})
        np.testing.assert_array_equal(np.array(floats["predictions"]), expected)
        wrong = posted(port, {"inputs": [[1, 2, 3]]}, status=400)
        assert "give (N, H, W, 3)" in json.dumps(wrong)


def posted(port: int, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/invocations", json.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status == status, content
    found: dict[str, Any] = json.loads(content)
    return found
