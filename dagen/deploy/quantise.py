"""Post-training quantisation to int8: static ranges from unlabelled training images.

Convolutions and matrix products compute in 8 bits (weights per channel, symmetric; activations
unsigned per tensor, ranges from the smallest to the largest value seen), written as QDQ pairs by
ONNX Runtime's own tool. Everything between them stays float32: with sums, activations and resizing
in 8 bits too, ENet's masks were further from PyTorch's.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
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
_KINDS = ["Conv", "ConvTranspose", "Gemm", "MatMul"]


class Calibration(NamedTuple):
    """Inputs that set the ranges, and what they are."""

    inputs: list[Array]
    told: dict[str, Any]


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
    count = min(COUNT, len(dataset))
    images = [dataset.image(k * len(dataset) // count) for k in range(count)]
    size = facts.card.size
    sizes = [cover(i.shape[:2], size, facts.multiple) if facts.dynamic else size for i in images]
    return Calibration(
        [to_input(resize(i, s), facts.input) for i, s in zip(images, sizes, strict=True)],
        {"data": chosen, "split": "train", "images": count, "method": "min-max", "labels": 0},
    )


def quantise(model: onnx.ModelProto, inputs: Sequence[Array]) -> onnx.ModelProto:
    """The model with int8 convolutions and matrix products.

    Args:
        model: a float32 model with the input ``image``.
        inputs: batches of one image that set the ranges.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[Array] = iter(inputs)

        def get_next(self) -> dict[Literal["image"], Array] | None:
            image = next(self._left, None)
            return None if image is None else {"image": image}

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            given, plain, done = (Path(folder) / f"{name}.onnx" for name in ("a", "b", "c"))
            # As a file: of a model in memory, it puts small constants where it does not find them.
            onnx.save(model, given)
            # Its symbolic shapes fail where sides are free; ONNX's own inference is enough.
            quant_pre_process(str(given), str(plain), skip_symbolic_shape=True)
            quantize_static(
                str(plain),
                str(done),
                Reader(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=_KINDS,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            quantised = onnx.load(done)
    finally:
        logging.disable(before)
    strip(quantised)
    return quantised
