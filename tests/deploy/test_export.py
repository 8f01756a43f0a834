"""Export: one file that computes the same, or no file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from dagen import plugins
from dagen.deploy import checking
from dagen.deploy import export as exporting
from dagen.deploy.export import export
from dagen.deploy.facts import seal, to_metadata
from dagen.deploy.quantise import Quantiser, calibration
from dagen.deploy.runtimes.onnx import OnnxRuntime
from dagen.deploy.to_onnx import with_metadata
from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed, save_deployed
from tests import tiny
from tests.deploy.conftest import SIZE, deploy, photograph

NETWORKS = [name for name in plugins.names("models")]


def answers(network: Network, image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    with torch.no_grad():
        out = network(image)
    return out.logits.numpy(), out.features.numpy()


@pytest.fixture(scope="module", params=NETWORKS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Each network of the package, as PyTorch has it and exported."""
    torch.manual_seed(0)
    network = plugins.get("models", request.param)(3, width=0.25).eval()
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    names = ("background", "a", "b")
    colours = ((0, 0, 0), (9, 9, 9), (80, 80, 80))
    card = Card(request.param, "classes", (64, 96), 0.25, classes=names, colours=colours)
    save_deployed(path, network, card)
    yield request.param, load_deployed(path)[0], export(path, path.with_suffix(".onnx"))


def test_every_network_computes_the_same(both: Any) -> None:
    _, network, exported = both
    runtime = OnnxRuntime(exported.file)
    assert exported.facts.dynamic
    for size in ((64, 96), (96, 64), (32, 160), (224, 448)):
        for batch in (1, 3):
            image = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(batch))
            for ours, theirs in zip(
                runtime(image.numpy(), ("logits", "features")), answers(network, image), strict=True
            ):
                np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(1, abs(theirs).max()))


def test_every_network_can_be_quantised(
    both: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, network, exported = both
    root = tmp_path_factory.mktemp("int8")
    tiny.make_taco(root, train=2, val=1)
    images = calibration(exported.facts, "taco", root).inputs
    model = Quantiser(onnx.load(exported.file), images)()
    convolutions = [n for n in model.graph.node if n.op_type in ("Conv", "ConvTranspose")]
    dequantised = {n.output[0] for n in model.graph.node if n.op_type == "DequantizeLinear"}
    assert convolutions and all(set(n.input[:2]) <= dequantised for n in convolutions)
    runtime = OnnxRuntime(seal(with_metadata(model, to_metadata(exported.facts))))
    ours, theirs = runtime(images[0])[0], answers(network, torch.from_numpy(images[0]))[0]
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.9


def test_no_network_has_scatter_nodes_or_names_of_this_machine(both: Any) -> None:
    model = onnx.load(both[2].file)
    kinds = {node.op_type for node in model.graph.node}
    assert not {kind for kind in kinds if "Scatter" in kind or kind in ("MaxUnpool", "Loop", "If")}
    assert not {node.domain for node in model.graph.node} - {"", "ai.onnx"}
    content = both[2].file.read_bytes()
    assert b"/dagen/" not in content and str(Path.home()).encode() not in content


def test_the_file_says_what_it_is(exported: Path, deployed: Path) -> None:
    metadata = {e.key: e.value for e in onnx.load(exported).metadata_props}
    card, facts = json.loads(metadata["dagen"]), json.loads(metadata["dagen.export"])
    assert card["classes"] == ["background", "aluminium", "paper", "bottle", "nylon"]
    assert card["size"] == list(SIZE) and card["task"] == "material"
    assert card["weights"] == load_deployed(deployed)[1].weights
    assert (facts["input"], facts["stride"], facts["multiple"]) == ("float32", 4, 4)
    assert facts["dynamic"] is True and facts["data"] == ["taco", "resortit"]
    assert facts["licence"] == "not stated"
    checked = facts["checked"]
    assert checked["logits"] <= 1e-4 and checked["features"] <= 1e-4 and checked["same"] == 1
    assert checked["sizes"] == ["32x48", "36x60"] and checked["images"] == "generated"
    shape = onnx.load(exported).graph.input[0].type.tensor_type.shape.dim
    assert [bool(dim.dim_param) for dim in shape] == [True, False, True, True]


def test_uint8_gives_the_same_as_float(deployed: Path, exported: Path, tmp_path: Path) -> None:
    found = export(deployed, tmp_path / "net.onnx", kind="uint8", licence="MIT")
    assert found.facts.input == "uint8" and found.facts.licence == "MIT"
    image = photograph(*SIZE).transpose(2, 0, 1)[None]
    ours = OnnxRuntime(found.file)(np.ascontiguousarray(image))[0]
    theirs = OnnxRuntime(exported)(image.astype(np.float32) / 255)[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_network_of_one_size_says_so(stiff: Path, caplog: pytest.LogCaptureFixture) -> None:
    facts = OnnxRuntime(stiff).facts
    assert not facts.dynamic and facts.checked["sizes"] == ["32x48"]
    shape = onnx.load(stiff).graph.input[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in shape[1:]] == [3, *SIZE] and shape[0].dim_param


def test_a_file_that_computes_something_else_is_not_kept(
    deployed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.to_onnx

    def crooked(*args: Any, **options: Any) -> onnx.ModelProto:
        model = honest(*args, **options)
        bias = next(i for i in model.graph.initializer if i.name.endswith("head.bias"))
        changed = onnx.numpy_helper.to_array(bias) + 0.01
        bias.CopyFrom(onnx.numpy_helper.from_array(changed, bias.name))
        return model

    monkeypatch.setattr(exporting, "to_onnx", crooked)
    with pytest.raises(DagenError, match=r"toy is not exported.*computes something else"):
        export(deployed, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_the_comparison_is_made_on_images_of_the_target(deployed: Path, tmp_path: Path) -> None:
    tiny.make_taco(tmp_path / "data", train=2, val=1)
    (tmp_path / "own").mkdir()
    Image.fromarray(photograph(40, 50)).save(tmp_path / "own" / "a.png")
    found = export(deployed, tmp_path / "a.onnx", data_root=tmp_path / "data")
    assert found.facts.checked["images"] == "of taco train"
    found = export(deployed, tmp_path / "b.onnx", images=tmp_path / "own")
    assert found.facts.checked["images"] == "of own"
    with pytest.raises(UsageError, match="no folder with images"):
        export(deployed, tmp_path / "c.onnx", images=tmp_path / "none")


def test_nothing_of_the_users_is_overwritten(deployed: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes(b"somebody's network")
    with pytest.raises(UsageError, match="did not write it"):
        export(deployed, own)
    assert own.read_bytes() == b"somebody's network"
    with pytest.raises(UsageError, match=r"ends in \.onnx"):
        export(deployed, tmp_path / "net.pt")
    with pytest.raises(UsageError, match=r"ends in \.xml"):
        export(deployed, tmp_path / "net.onnx", format="openvino")


@pytest.mark.parametrize(
    ("format", "said"), [("litert", "needs torch below"), ("tflite", "unknown format 'tflite'")]
)
def test_formats_that_cannot_be_written_are_said_in_one_line(
    format: Any, said: str, deployed: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        export(deployed, tmp_path / "net.onnx", format=format)


def test_differences_are_shares_of_the_largest_output() -> None:
    theirs = np.array([[100.0, -200.0]])
    assert checking._difference(theirs + 0.01, theirs) == pytest.approx(5e-5)
    small = np.array([[0.1]])
    assert checking._difference(small + 1e-3, small) == pytest.approx(1e-3)
    assert checking._difference(small, theirs) == float("inf")
    nan = checking.Comparison(1, SIZE, 0.0, float("nan"), 0, 0.0, 1.0)
    assert not nan.passed


def test_openvino_computes_the_same(deployed: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    from dagen.deploy.runtimes.openvino import OpenVino

    found = export(deployed, tmp_path / "net.xml", format="openvino")
    both = {path.name for path in tmp_path.iterdir()}
    assert both == {"net.xml", "net.bin"}
    assert found.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    runtime = OpenVino(found.file, threads=1)
    assert runtime.facts == found.facts and runtime.facts.checked["in"].startswith("OpenVINO")
    network = load_deployed(deployed)[0]
    for size in ((32, 48), (64, 40)):
        image = torch.rand(2, 3, *size)
        for ours, theirs in zip(
            runtime(image.numpy(), ("logits", "features")), answers(network, image), strict=True
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)
    bin_ = tmp_path / "net.bin"
    bin_.write_bytes(bin_.read_bytes()[:-1] + b"x")
    with pytest.raises(DagenError, match="is damaged"):
        OpenVino(found.file)
    bin_.unlink()
    with pytest.raises(DagenError, match="cannot be read"):
        OpenVino(found.file)


def test_a_stiff_network_in_openvino_keeps_its_size(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    found = export(deploy(tmp_path, "stiff"), tmp_path / "net.xml", format="openvino")
    assert not found.facts.dynamic
