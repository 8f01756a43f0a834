"""Short names change the bytes of a model and nothing that it computes."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from dagen.deploy.short_names import with_short_names


def test_it_computes_the_same_in_fewer_bytes(exported: Path) -> None:
    model = onnx.load(exported)
    short = with_short_names(model)
    onnx.checker.check_model(short, full_check=True)
    assert short.ByteSize() < model.ByteSize()
    assert [each.name for each in short.graph.output] == ["logits", "features"]
    image = np.random.default_rng(0).random((1, 3, 32, 48), np.float32)
    ours, theirs = (
        onnxruntime.InferenceSession(each.SerializeToString()).run(None, {"image": image})
        for each in (short, model)
    )
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one, other)
    assert {node.name for node in short.graph.node} == {""}
    assert all(len(name) < 6 for node in short.graph.node for name in node.output
               if name not in ("logits", "features"))  # fmt: skip


def test_optional_inputs_and_inner_graphs() -> None:
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    x = helper.make_tensor_value_info("x", float32, [2])
    y = helper.make_tensor_value_info("y", float32, [2])
    clip = helper.make_node("Clip", ["x", "", "a long name"], ["y"], name="node")
    most = helper.make_tensor("a long name", float32, [], [1.0])
    model = helper.make_model(helper.make_graph([clip], "g", [x], [y], [most]))
    short = with_short_names(model)
    assert list(short.graph.node[0].input) == ["x", "", short.graph.initializer[0].name]
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["z"])], "i", [], [y])
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    whole = helper.make_model(helper.make_graph([branch], "g", [x], [y]))
    assert with_short_names(whole) == whole
