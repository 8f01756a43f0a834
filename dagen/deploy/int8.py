"""Makes the int8 model of a network, with its loss of agreement, for the runtime that it is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dagen.deploy.facts import Facts
from dagen.deploy.mixed import mixed
from dagen.deploy.quantise import Quantiser, calibration
from dagen.deploy.runtimes.base import Array
from dagen.deploy.to_onnx import OUTPUTS
from dagen.models.deployed.file import load_deployed

if TYPE_CHECKING:
    import onnx


class Origin(NamedTuple):
    """The network that a fine-tuned one was made of, and has to agree with.

    Attributes:
        model: its deployed file.
        told: what is known of the fine-tuning, for the file's facts.
    """

    model: Path
    told: Mapping[str, Any]


def int8(
    model: onnx.ModelProto,
    facts: Facts,
    format: str,
    calibrate: str | None,
    max_drop: float | None,
    data_root: Path | None,
    origin: Origin | None = None,
) -> tuple[onnx.ModelProto, Facts]:
    """The int8 model, and its facts with what set the ranges and what was lost.

    Args:
        model: the float32 model.
        facts: what the file says of itself.
        format: ``onnx`` or ``openvino``.
        calibrate: data set whose training images set the ranges; None is the run's target.
        max_drop: points of agreement that may be lost; None leaves no layer in float32.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        origin: the network to agree with; None is the float32 model.

    Raises:
        UsageError: no data set is given or known.
        DataError: it is missing, damaged or empty.
        DagenError: no layer can be in 8 bits within ``max_drop``.
    """
    chosen = calibration(facts, calibrate, data_root)
    quantiser = Quantiser(model, chosen.inputs, outputs=format == "onnx")
    forward = _in_openvino if format == "openvino" else _in_onnx_runtime
    wanted = None if origin is None else _masks(origin.model, chosen.judges)
    done = mixed(quantiser, forward, chosen.judges, facts.card.kind, max_drop, wanted)
    told = {
        **chosen.told,
        "judges": len(chosen.judges),
        "layers": len(quantiser.layers),
        "floats": len(done.floats),
        "agreement_loss": round(done.drop, 4),
        "max_drop": max_drop,
        **({} if origin is None else {"fine_tuned": origin.told}),
    }
    return done.model, replace(facts, precision="int8", calibration=told)


def _masks(model: Path, inputs: Sequence[Array]) -> list[NDArray[np.integer]]:
    """The masks of a deployed file at its own stride, (1, h, w) each, of an exported file's inputs.

    They are those of PyTorch.
    """
    import torch

    network, _ = load_deployed(model)
    found = []
    with torch.inference_mode():
        for each in inputs:
            image = torch.from_numpy(each)
            scaled = image if image.is_floating_point() else image.float() / 255
            found.append(network(scaled).logits.argmax(1).numpy())
    return found


def _in_onnx_runtime(model: onnx.ModelProto, inputs: Sequence[Array]) -> list[Array]:
    from dagen.system.onnx_session import open_session

    session = open_session(model.SerializeToString(), "the int8 network")
    return [session.run([OUTPUTS[0]], {"image": each})[0] for each in inputs]


def _in_openvino(model: onnx.ModelProto, inputs: Sequence[Array]) -> list[Array]:
    from dagen.deploy.runtimes.openvino import open_core

    core = open_core("the int8 network")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    network = core.compile_model(core.read_model(model.SerializeToString()), "CPU", options)
    return [np.array(network([each])[OUTPUTS[0]]) for each in inputs]
