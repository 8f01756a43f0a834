"""PReLU as a maximum: the same numbers, to the bit."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from dagen.deploy.activations import with_maximum


def prelu(slopes: list[float]) -> onnx.ModelProto:
    helper = onnx.helper
    slope = np.array(slopes, np.float32).reshape(1, -1, 1, 1)
    shape = [1, len(slopes), 5, 7]
    graph = helper.make_graph(
        [helper.make_node("PRelu", ["x", "slope"], ["y"], name="act")],
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, shape)],
        [onnx.numpy_helper.from_array(slope, "slope")],
    )
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)


@pytest.mark.parametrize("slopes", [[0.25, 0.0, 1.0, -0.5], [0.25, 1.5, 0.1, 0.2]])
def test_the_same_numbers(slopes: list[float]) -> None:
    model = prelu(slopes)
    rewritten = with_maximum(model)
    kinds = {node.op_type for node in rewritten.graph.node}
    assert kinds == ({"PRelu"} if max(slopes) > 1 else {"Mul", "Max"})
    assert [node.op_type for node in model.graph.node] == ["PRelu"], "the given one stays"
    onnx.checker.check_model(rewritten)
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 7)).astype(np.float32)
    x.flat[:3] = (0.0, -0.0, np.inf)
    session = onnxruntime.InferenceSession(rewritten.SerializeToString())
    layer = nn.PReLU(4)
    layer.weight.data = torch.tensor(slopes)
    with torch.no_grad():
        expected = layer(torch.from_numpy(x)).numpy()
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)
