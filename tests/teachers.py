"""Tiny ONNX teachers, made by code: how bright a pixel is says how likely it is foreground."""

from pathlib import Path

import numpy as np

TOML = "size = [{0}, {0}]\ndivide = 255\n"


def write_onnx(path: Path, *, channels: int = 1, side: int = 16, scale: float = 1.0) -> Path:
    """An ONNX file whose output k is ``scale`` times the mean of red, green and blue.

    Args:
        path: the file; its TOML file is written beside it.
        channels: channels of the output; with several, channel 0 is one minus the mean and the
            others share it, so that they add up to 1.
        side: both sides of the input in pixels.
        scale: factor of all outputs.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.full((channels, 3, 1, 1), scale / 3, np.float32)
    bias = np.zeros(channels, np.float32)
    if channels > 1:
        weight[1:] /= channels - 1
        weight[0], bias[0] = -scale / 3, scale
    shape = [1, 3, side, side]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "weight", "bias"], ["map"])],
        "teacher",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, channels, side, side])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(TOML.format(side))
    return path
