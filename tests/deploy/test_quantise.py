"""int8: smaller, close to PyTorch, and made of training images alone."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import dagen
from dagen.deploy.export import export
from dagen.deploy.quantise import Quantiser
from dagen.errors import UsageError
from tests import tiny
from tests.deploy.conftest import SIZE, deploy, photograph


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny.make_taco(root, train=6, val=2)
    tiny.make_resortit(root, train=3, val=2)
    return root


def weights(path: Path) -> dict[str, np.ndarray]:
    return {
        each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer
    }


def test_convolutions_have_8_bits_and_scales_per_channel(deployed: Path, data: Path) -> None:
    out = data / "int8.onnx"
    found = export(deployed, out, int8=True, calibrate="taco", data_root=data)
    assert found.facts.precision == "int8"
    told = found.facts.calibration
    assert (told["data"], told["split"], told["images"], told["labels"]) == ("taco", "train", 6, 0)
    assert (told["layers"], told["floats"], told["judges"]) == (2, 0, 6)
    assert 0 < told["agreement_loss"] < 20
    small = weights(out)
    eights = [name for name, array in small.items() if array.dtype == np.int8 and array.ndim == 4]
    assert len(eights) == 2, "stem and head"
    scales = {
        node.input[0]: small[node.input[1]]
        for node in onnx.load(out).graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in eights
    }
    assert set(scales) == set(eights)
    # Sums of two products of 8 bits saturate on processors without VNNI; 7-bit weights cannot.
    assert all(abs(small[name].astype(int)).max() <= 64 for name in eights)
    for name, of_channels in scales.items():
        assert of_channels.shape == (small[name].shape[0],)
    floats = [a for a in small.values() if a.dtype == np.float32 and a.ndim == 4]
    assert all(len(a) == 1 for a in floats), "mean and deviation alone"
    image = photograph(*SIZE)
    ours, theirs = dagen.load(out)(image), dagen.load(deployed, device="cpu")(image)
    assert (ours.argmax(0) == theirs.argmax(0)).mean() > 0.9
    assert np.abs(ours - theirs).max() > 0
    checked = found.facts.checked
    assert checked["same"] > 0.9 and 1e-4 < checked["logits"] < 0.2
    metadata = {e.key: e.value for e in onnx.load(out).metadata_props}
    assert json.loads(metadata["dagen.export"])["precision"] == "int8"


def test_the_same_images_give_the_same_file(deployed: Path, data: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        export(deployed, data / name, int8=True, data_root=data)
    assert (data / "a.onnx").read_bytes() == (data / "b.onnx").read_bytes()


def test_the_target_of_the_run_calibrates_unless_another_is_named(
    deployed: Path, data: Path
) -> None:
    target = export(deployed, data / "t.onnx", int8=True, data_root=data)
    source = export(deployed, data / "s.onnx", int8=True, calibrate="resortit", data_root=data)
    assert target.facts.calibration["data"] == "taco"
    assert source.facts.calibration["data"] == "resortit"
    one, other = weights(data / "t.onnx"), weights(data / "s.onnx")
    assert one.keys() == other.keys()
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_a_fixed_uint8_network_is_quantised_too(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "net.onnx"
    model = deploy(tmp_path, "stiff")
    found = export(model, out, int8=True, kind="uint8", data_root=data)
    assert found.facts.precision == "int8" and not found.facts.dynamic
    assert dagen.load(out)(photograph(50, 90)).shape == (5, 50, 90)


def test_openvino_gets_int8_too(deployed: Path, data: Path, tmp_path: Path) -> None:
    """Its layers' outputs are not rounded: it is at least as near to float32."""
    pytest.importorskip("openvino")
    found = export(deployed, tmp_path / "net.xml", format="openvino", int8=True, data_root=data)
    assert found.facts.precision == "int8" and "OpenVINO" in found.facts.checked["in"]
    assert 'element_type="i8"' in found.file.read_text() or "i8" in found.file.read_text()
    image = photograph(*SIZE)
    ours, theirs = dagen.load(found.file)(image), dagen.load(deployed, device="cpu")(image)
    assert (ours.argmax(0) == theirs.argmax(0)).mean() > 0.9 and np.abs(ours - theirs).max() > 0
    theirs_loss = export(deployed, tmp_path / "net.onnx", int8=True, data_root=data)
    loss = found.facts.calibration["agreement_loss"]
    assert loss <= theirs_loss.facts.calibration["agreement_loss"] + 1


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_half_weights_halve_the_file(
    deployed: Path, exported: Path, tmp_path: Path, format: str
) -> None:
    if format == "openvino":
        pytest.importorskip("openvino")
    out = tmp_path / ("net.onnx" if format == "onnx" else "net.xml")
    found = export(deployed, out, format=format, fp16=True)  # type: ignore[arg-type]
    assert found.facts.precision == "float16"
    if format == "onnx":
        halves = [a for a in weights(out).values() if a.dtype == np.float16]
        assert sum(a.size for a in halves) >= 8 * 3 * 16
    image = photograph(*SIZE)
    ours, theirs = dagen.load(out)(image), dagen.load(exported)(image)
    assert 0 < np.abs(ours - theirs).max() < 0.05
    assert found.facts.checked["same"] > 0.98


def test_what_cannot_be_is_said_in_one_line(deployed: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="calibrate is for int8"):
        export(deployed, data / "x.onnx", calibrate="taco")
    with pytest.raises(UsageError, match="max_drop is for int8"):
        export(deployed, data / "x.onnx", max_drop=1)
    with pytest.raises(UsageError, match="max_drop is -1; it is in points"):
        export(deployed, data / "x.onnx", int8=True, max_drop=-1)
    with pytest.raises(UsageError, match="int8 and fp16 are two precisions"):
        export(deployed, data / "x.onnx", int8=True, fp16=True)
    with pytest.raises(UsageError, match="unknown data set"):
        export(deployed, data / "x.onnx", int8=True, calibrate="tacco", data_root=data)
    assert not (data / "x.onnx").exists()


@pytest.mark.parametrize("activation", ["Relu", "Clip"])
def test_what_an_activation_cuts_off_takes_no_bits(activation: str) -> None:
    """One channel is far below 0, and the other has small values: the range is that of the rest."""
    helper, tensor = onnx.helper, onnx.numpy_helper.from_array
    shape = [1, 1, "h", "w"]
    values = {
        "down": np.array([1.0, 1.0], np.float32).reshape(2, 1, 1, 1),
        "shift": np.array([-1000.0, 0.0], np.float32),
        "second": np.array([0.0, 1.0], np.float32).reshape(1, 2, 1, 1),
        "zero": np.array(0, np.float32),
        "six": np.array(6, np.float32),
    }
    limits = ["zero", "six"] if activation == "Clip" else []
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "down", "shift"], ["before"], name="first"),
            helper.make_node(activation, ["before", *limits], ["after"], name="cut"),
            helper.make_node("Conv", ["after", "second"], ["logits"], name="last"),
        ],
        "two",
        [helper.make_tensor_value_info("image", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, shape)],
        [tensor(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    draw = np.random.default_rng(0)
    inputs = [draw.random((1, 1, 8, 8), np.float32) for _ in range(4)]
    quantiser = Quantiser(model, inputs)
    found = quantiser()
    assert activation not in {node.op_type for node in found.graph.node}
    session = onnxruntime.InferenceSession(found.SerializeToString())
    for image in inputs:
        (made,) = session.run(["logits"], {"image": image})
        # The input, the weight of 7 bits, and two outputs are rounded: a few steps of 1/255.
        assert np.abs(made - image).max() < 0.02
    kept = quantiser(["first"])
    assert activation in {node.op_type for node in kept.graph.node}, "after a layer in float32"
