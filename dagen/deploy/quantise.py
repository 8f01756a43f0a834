"""Post-training quantisation to int8: static ranges from unlabelled training images.

Convolutions and matrix products compute in 8 bits (weights per channel, symmetric; activations
unsigned per tensor), written as QDQ pairs by ONNX Runtime's own quantiser. An activation's range
runs from the mean over the images of its smallest value to that of its largest: single images with
extreme values coarsen all others. Everything between the layers stays float32: with sums,
activations and resizing in 8 bits too, ENet's masks were further from PyTorch's.

Weights use 7 of their 8 bits. Processors with AVX2 and without VNNI add pairs of products in 16
bits, which saturate: on one of them the shipped network lost 19.8 points of agreement with float32
with 8 bits, and 12.0 with 7.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from dagen.datasets.loading.opening import open_dataset, require_images
from dagen.datasets.loading.transforms import cover, resize
from dagen.deploy.facts import Facts
from dagen.deploy.predictor import to_input
from dagen.deploy.runtimes.base import Array
from dagen.deploy.to_onnx import strip
from dagen.errors import UsageError

if TYPE_CHECKING:
    import onnx

COUNT = 64
"""Images that set the ranges."""
JUDGES = 32
"""Images on which the loss of agreement is measured."""
_KINDS = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
_CUTTING = ["Relu", "Clip"]
"""Activations that a layer in 8 bits does by the range of its output alone."""


class Calibration(NamedTuple):
    """Inputs that set the ranges, and what they are."""

    inputs: list[Array]
    told: dict[str, Any]
    judges: list[Array]
    """Other images of the same data set, to measure the loss of agreement on; the same images if
    there are too few."""


def calibration(facts: Facts, name: str | None, data_root: Path | None) -> Calibration:
    """Training images of a data set, spread evenly over it; no label is opened.

    Args:
        facts: how the network is called.
        name: the data set; None is the target of the network's run, or else its source.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: no data set is given or known.
        DataError: it is missing, damaged or empty.
    """
    chosen = name or next(iter(facts.data), None)
    if chosen is None:
        raise UsageError(
            "int8 needs images that set its ranges, and this network has no run that names a data "
            "set; give one with --calibrate."
        )
    dataset = open_dataset(chosen, "train", facts.card.kind, data_root)
    require_images(dataset, chosen)
    total = len(dataset)
    places = [k * total // min(COUNT, total) for k in range(min(COUNT, total))]
    others = [place for place in range(total) if place not in set(places)]
    if len(others) < JUDGES:
        others = list(range(total))
    count = min(JUDGES, len(others))
    judged = [others[k * len(others) // count] for k in range(count)]

    def inputs(wanted: list[int]) -> list[Array]:
        return [as_input(dataset.image(k), facts) for k in wanted]

    told = {
        "data": chosen, "split": "train", "images": len(places), "method": "mean min-max",
        "labels": 0,
    }  # fmt: skip
    return Calibration(inputs(places), told, inputs(judged))


def as_input(image: Array, facts: Facts) -> Array:
    """The input that an exported file gets for an image, (1, 3, H, W)."""
    size = facts.card.size
    shape = (image.shape[0], image.shape[1])
    fitted = cover(shape, size, facts.multiple) if facts.dynamic else size
    return to_input(resize(image, fitted), facts.input)


class Quantiser:
    """A float32 model whose ranges are known; it gives models with some of its layers in int8.

    Attributes:
        plain: the float32 model with batch norms folded into convolutions.
        layers: names of the layers that can compute in 8 bits, in order.
    """

    def __init__(
        self, model: onnx.ModelProto, inputs: Sequence[Array], *, outputs: bool = True
    ) -> None:
        """Find the ranges.

        Args:
            model: a float32 model with the input ``image``.
            inputs: batches of one image that set the ranges.
            outputs: whether a layer's output is rounded to 8 bits too. ONNX Runtime needs that to
                compute the layer in 8 bits; OpenVINO does not, and is then more exact.
        """
        import onnx
        from onnxruntime.quantization import CalibrationDataReader, create_calibrator
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(CalibrationDataReader):  # type: ignore[misc]
            def __init__(self) -> None:
                self._left: Iterator[Array] = iter(inputs)

            def get_next(self) -> dict[Literal["image"], Array] | None:
                image = next(self._left, None)
                return None if image is None else {"image": image}

        self._outputs = outputs
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            given, plain, inner = (Path(folder) / f"{name}.onnx" for name in ("a", "b", "c"))
            # As a file: of a model in memory, it puts small constants where it does not find them.
            onnx.save(model, given)
            # Its symbolic shapes fail where sides are free; ONNX's own inference is enough.
            quant_pre_process(str(given), str(plain), skip_symbolic_shape=True)
            self.plain: onnx.ModelProto = onnx.load(plain)
            calibrator = create_calibrator(
                plain, [*_KINDS, *_CUTTING], str(inner), extra_options={"moving_average": True}
            )
            calibrator.collect_data(Reader())
            self._ranges = calibrator.compute_data()
        constants = {each.name for each in self.plain.graph.initializer}
        self.layers = [
            node.name
            for node in self.plain.graph.node
            if node.op_type in _KINDS and node.input[1] in constants
        ]

    def __call__(self, floats: Collection[str] = ()) -> onnx.ModelProto:
        """The model with all layers in int8 but these.

        Args:
            floats: names of layers that stay in float32; not all of them.
        """
        import onnx
        from onnxruntime.quantization import QDQQuantizer, QuantType

        copy = onnx.ModelProto()
        copy.CopyFrom(self.plain)
        wanted = [name for name in self.layers if name not in set(floats)]
        options = {} if self._outputs else {"OpTypesToExcludeOutputQuantization": _KINDS}
        with _quiet():
            quantizer = QDQQuantizer(
                copy,
                per_channel=True,
                reduce_range=True,  # weights have 7 bits; see above
                weight_qType=QuantType.QInt8,
                activation_qType=QuantType.QUInt8,
                tensors_range=self._ranges,
                nodes_to_quantize=[*wanted, *self._cutting(wanted)],
                nodes_to_exclude=[],
                op_types_to_quantize=[*_KINDS, *_CUTTING],
                extra_options=options,
            )
            quantizer.quantize_model()
        found: onnx.ModelProto = quantizer.model.model
        strip(found)
        return found

    def _cutting(self, layers: Collection[str]) -> list[str]:
        """The activations that alone read the output of one of these layers."""
        graph = self.plain.graph
        made = {node.output[0] for node in graph.node if node.name in set(layers)}
        read = Counter(name for node in graph.node for name in node.input)
        read.update(each.name for each in graph.output)
        return [
            node.name
            for node in graph.node
            if node.op_type in _CUTTING and node.input[0] in made and read[node.input[0]] == 1
        ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice off the terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
