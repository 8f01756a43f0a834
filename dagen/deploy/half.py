"""Weights of half precision: the file halves, and the network still computes in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_LEAST = 64
"""Values of the smallest tensor that is halved; for fewer, the cast takes more than it saves."""


def with_half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its weights as float16, each behind a cast to float32.

    A runtime folds the casts when it opens the file. CPUs compute float32 faster than float16, and
    ONNX Runtime has few float16 kernels for them.

    Args:
        model: a float32 model; it is not changed. Tensors with values that float16 has not (above
            65504) stay.
    """
    import onnx
    from onnx import helper, numpy_helper

    found = onnx.ModelProto()
    found.CopyFrom(model)
    largest = float(np.finfo(np.float16).max)
    casts = []
    for tensor in found.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _LEAST or np.abs(values).max() > largest:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(
            helper.make_node(
                "Cast", [tensor.name], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *found.graph.node]
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found
