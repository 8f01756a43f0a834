"""Exports a deployed network: one file for other runtimes, kept only if it computes the same."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from dagen.deploy.activations import with_maximum
from dagen.deploy.checking import TOLERANCE, Comparison, compare, summary
from dagen.deploy.facts import Facts, as_written, seal, to_metadata
from dagen.deploy.half import with_half_weights
from dagen.deploy.pictures import Pictures, data_of, pictures
from dagen.deploy.refusals import Format, check_format, check_out, check_precision
from dagen.deploy.runtimes.onnx import OnnxRuntime
from dagen.deploy.short_names import with_short_names
from dagen.deploy.to_onnx import to_onnx, with_metadata, without_choices
from dagen.errors import DagenError, short
from dagen.models.base import Network
from dagen.models.deployed import cost
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed
from dagen.runs.starts import require_scored
from dagen.system.files import make_folder, write_atomically
from dagen.types import Image
from dagen.version import __version__

if TYPE_CHECKING:
    import onnx

    from dagen.deploy.int8 import Origin

logger = logging.getLogger("dagen")

UNSTATED = "not stated"


@dataclass(frozen=True)
class Exported:
    """A file that was exported.

    Attributes:
        file: the file that is named to dagen.
        bytes: size on disk, of all files that belong to it.
        facts: what it says of itself, with the comparison with PyTorch.
    """

    file: Path
    bytes: int
    facts: Facts


def export(
    model: Path,
    out: Path,
    *,
    format: Format = "onnx",
    kind: Literal["float32", "uint8"] = "float32",
    int8: bool = False,
    fp16: bool = False,
    calibrate: str | None = None,
    max_drop: float | None = None,
    size: tuple[int, int] | None = None,
    images: Path | None = None,
    data_root: Path | None = None,
    licence: str = UNSTATED,
    origin: Origin | None = None,
) -> Exported:
    """Write a deployed network as one file for other runtimes.

    Height and width stay free if the network computes the same at a second size; otherwise they
    are fixed to the card's, with a warning.

    Args:
        model: the deployed file.
        out: the file to write.
        format: ``onnx``, or ``openvino`` for an ``.xml`` file with a ``.bin`` file beside it.
        kind: type of the input.
        int8: whether convolutions compute in 8 bits (see :mod:`dagen.deploy.quantise`). The
            float32 network is compared with PyTorch first; how far int8 is from it is measured
            and written into the file, and does not decide whether the file is kept.
        fp16: whether weights have half precision; the network computes in float32 still.
        calibrate: data set whose unlabelled training images set the ranges of int8; None is the
            target of the network's run.
        max_drop: points of agreement with float32 that int8 may lose on other training images of
            that data set (see :mod:`dagen.deploy.agreement`); the most sensitive layers then stay
            in float32. None puts all layers into 8 bits.
        size: height and width in pixels of the file's input; None is the network's own.
        images: folder of images for the comparison with PyTorch; see
            :func:`dagen.deploy.pictures.pictures`.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        licence: licence of the weights.
        origin: the network that int8 has to agree with, if another one than this
            (see :mod:`dagen.deploy.fine_tuning`).

    Raises:
        UsageError: a package is not installed, the format is unknown or cannot be written here,
            ``out`` has another suffix or is a file that dagen did not write, or there is no image.
        DagenError: the network is missing or damaged, cannot be exported, or computes something
            else than in PyTorch; no file is written then.
    """
    check_format(format)
    check_out(out, format)
    check_precision(int8, fp16, calibrate, max_drop)
    network, card = load_deployed(model)
    require_scored(model, card)
    card = card if size is None else replace(card, size=size)
    found = pictures(card, images, data_root)
    tried = facts_of(network, card, kind, licence)
    traced, checked = _checked(network, tried, found.images, format)
    facts = replace(tried, dynamic=checked.dynamic, checked=checked.told(found.told))
    make_folder(out.parent)
    plain = traced if format == "openvino" and not int8 else without_choices(traced)
    if int8:
        from dagen.deploy.int8 import int8 as in_8_bits

        plain, facts = in_8_bits(plain, facts, format, calibrate, max_drop, data_root, origin)
    elif fp16:
        facts = replace(facts, precision="float16")
    if format == "openvino":
        from dagen.deploy.to_openvino import to_openvino

        written = to_openvino(plain, facts, network, found, out)
        total = out.stat().st_size + out.with_suffix(".bin").stat().st_size
        return Exported(out, total, as_written(written))
    if int8:
        plain = with_short_names(plain)
    if fp16:
        plain = with_half_weights(plain)
    if int8 or fp16:
        facts = _measured(network, plain, facts, found)
    content = seal(with_metadata(plain, to_metadata(facts)))
    write_atomically(out, content)
    return Exported(out, len(content), as_written(facts))


def facts_of(
    network: Network, card: Card, kind: Literal["float32", "uint8"], licence: str
) -> Facts:
    """What a file of this network says of itself, before the comparison.

    Raises:
        UsageError: the card's size does not suit the network.
    """
    return Facts(
        card=card,
        input=kind,
        precision="float32",
        dynamic=True,
        multiple=network.multiple,
        stride=network.stride,
        feature_channels=network.feature_channels,
        feature_stride=_feature_stride(network, card.size),
        parameters=cost.parameters(network),
        macs=cost.macs(network, card.size),
        licence=licence,
        data=data_of(card.run),
        made_by={
            "dagen": __version__,
            "python": ".".join(map(str, sys.version_info[:3])),
            **{name: metadata.version(name) for name in ("torch", "onnx", "onnxscript")},
        },
    )


def _measured(network: Network, model: onnx.ModelProto, facts: Facts, found: Pictures) -> Facts:
    """The facts of a model that is not exact, with how far it is from PyTorch."""
    runtime = OnnxRuntime(seal(with_metadata(model, to_metadata(facts))))
    measured = summary(compare(network, runtime, None, found.images), found.told)
    made_by = {**facts.made_by, "onnxruntime": metadata.version("onnxruntime")}
    return replace(facts, checked={**measured, "in": runtime.name}, made_by=made_by)


@torch.inference_mode()
def _feature_stride(network: Network, size: tuple[int, int]) -> int:
    return size[0] // int(network(torch.zeros(1, 3, *size)).features.shape[2])


@dataclass(frozen=True)
class _Checked:
    dynamic: bool
    comparisons: list[Comparison]
    runtime: str

    def told(self, images: str) -> dict[str, Any]:
        return {**summary(self.comparisons, images), "in": self.runtime}


def _checked(
    network: Network, facts: Facts, images: list[Image], format: str
) -> tuple[Any, _Checked]:
    """The ONNX model, with free height and width if that computes the same, and its comparison."""
    problem = ""
    for dynamic in (True, False):
        try:
            model = to_onnx(network, facts.input, facts.card.size, dynamic=dynamic)
            if format == "onnx":
                model = with_maximum(model)
            tried = replace(facts, dynamic=dynamic)
            runtime, probing = (
                OnnxRuntime(seal(with_metadata(each, to_metadata(tried))))
                for each in (without_choices(model), model)
            )
            comparisons = compare(network, runtime, probing, images)
        except DagenError as error:
            if not dynamic:
                raise
            problem = str(error)
            continue
        failed = next((each for each in comparisons if not each.passed), None)
        if failed is None:
            if not dynamic:
                height, width = facts.card.size
                logger.warning(
                    "the exported %s takes images of %dx%d only: with free sizes, %s",
                    facts.card.model, height, width, problem,
                )  # fmt: skip
            return model, _Checked(dynamic, comparisons, runtime.name)
        problem = (
            f"{failed.batch} image(s) of {failed.size[0]}x{failed.size[1]} differ from PyTorch by "
            f"{failed.worst:.1e} of the largest output, and at most "
            f"{TOLERANCE:.0e} is allowed."
        )
    raise DagenError(
        f"{short(facts.card.model)} is not exported, because it computes something else in "
        f"{runtime.name}: {problem}"
    )
