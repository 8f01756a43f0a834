"""Short names inside an ONNX model: in 8 bits they are a noticeable part of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def with_short_names(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model, whose inner values are called v0, v1 and so on, and whose nodes have no name.

    The quantiser's names tell where each value comes from, and no runtime reads them. Shapes of
    inner values, which runtimes infer, are dropped as well. Inputs and outputs keep their names.
    """
    import onnx

    short = onnx.ModelProto()
    short.CopyFrom(model)
    graph = short.graph
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return short  # values of a graph inside a node may be those around it
    names: dict[str, str] = {each.name: each.name for each in (*graph.input, *graph.output)}
    names[""] = ""  # an optional input that is left out

    def shortened(name: str) -> str:
        return names.setdefault(name, f"v{len(names)}")

    for tensor in graph.initializer:
        tensor.name = shortened(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = [shortened(name) for name in node.input]
        node.output[:] = [shortened(name) for name in node.output]
    del graph.value_info[:]
    del graph.quantization_annotation[:]
    return short
