"""Writes a PyTorch network as ONNX: plain RGB in, logits and features out."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from dagen.deploy.choices import pools, recorded
from dagen.errors import DagenError, UsageError, short
from dagen.models.base import Network

if TYPE_CHECKING:
    import onnx

OPSET = 18
"""Version of ONNX's operators: the oldest that the exporter writes, for old runtimes."""


OUTPUTS = ("logits", "features")
"""The outputs of an exported file."""


def choice_names(network: nn.Module) -> list[str]:
    """Names of the further outputs while a file is compared with PyTorch."""
    return [f"choice{k}" for k in range(len(pools(network)))]


def without_choices(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the outputs of an exported file alone."""
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    del plain.graph.output[len(OUTPUTS) :]
    return plain


class _Plain(nn.Module):
    """The network with the outputs of the exported file, and its choices."""

    def __init__(self, network: Network, kind: Literal["float32", "uint8"]) -> None:
        super().__init__()
        self.network = network
        self.kind = kind

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        scaled = image.float() / 255 if self.kind == "uint8" else image
        with recorded(self.network) as choices:
            out = self.network(scaled)
        return out.logits, out.features, *choices


def to_onnx(
    network: Network, kind: Literal["float32", "uint8"], size: tuple[int, int], *, dynamic: bool
) -> onnx.ModelProto:
    """The network as an ONNX model, without names of this machine's files.

    Its outputs are ``logits`` and ``features``, and ``choice0`` and so on for the comparison with
    PyTorch, see :mod:`dagen.deploy.choices`.

    Args:
        network: any network, in evaluation mode on the CPU.
        kind: type of its input.
        size: height and width in pixels at which it is traced.
        dynamic: whether height and width stay free (multiples of ``network.multiple``); the batch
            always does.

    Raises:
        UsageError: onnx or onnxscript is not installed.
        DagenError: the network has something that cannot be exported.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  (torch.onnx needs it)
    except ImportError as error:
        raise UsageError(
            f"export needs the package {error.name}: pip install 'dagen[onnx]'."
        ) from None
    dims: dict[int, object] = {0: torch.export.Dim("batch", min=1, max=65_535)}
    if dynamic:
        for axis, side in ((2, "rows"), (3, "columns")):
            dims[axis] = network.multiple * torch.export.Dim(side, min=1, max=4096)
    # Not 1 image, nor a square: the exporter would take equal numbers for one number.
    image = torch.rand(2, 3, *size)
    given = (image * 255).to(torch.uint8) if kind == "uint8" else image
    try:
        with _quiet():
            program = torch.onnx.export(
                _Plain(network, kind).eval(),
                (given,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=["image"],
                output_names=[*OUTPUTS, *choice_names(network)],
                dynamic_shapes=(dims,),
            )
    except Exception as error:  # the exporter wraps whatever went wrong
        cause = error.__cause__ or error
        reason = next((line for line in str(cause).splitlines() if line.strip()), "no reason given")
        raise DagenError(f"the network cannot be exported: {short(reason, 200)}.") from error
    assert program is not None
    model: onnx.ModelProto = onnx.load_from_string(program.model_proto.SerializeToString())
    strip(model)
    return model


def with_metadata(model: onnx.ModelProto, metadata: Mapping[str, str]) -> bytes:
    """The content of an ONNX file with these metadata entries in place of its own."""
    del model.metadata_props[:]
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString(deterministic=True))


def strip(model: onnx.ModelProto) -> None:
    """Drop what tools note at each node, such as lines of this machine's source files."""
    graph = model.graph
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for whole in (model, graph):
        whole.doc_string = ""
        del whole.metadata_props[:]
    graph.name = "dagen"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress, warnings and log off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
