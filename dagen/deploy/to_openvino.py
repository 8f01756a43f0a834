"""Converts an exported ONNX file to OpenVINO's two files."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.deploy.checking import TOLERANCE, compare, summary
from dagen.deploy.facts import Facts, seal, to_metadata
from dagen.deploy.pictures import Pictures
from dagen.deploy.runtimes.base import read_bytes
from dagen.deploy.runtimes.openvino import INFO, OpenVino, open_core
from dagen.deploy.to_onnx import with_metadata, without_choices
from dagen.errors import DagenError
from dagen.models.base import Network
from dagen.system.files import write_atomically

if TYPE_CHECKING:
    import onnx


def to_openvino(
    model: onnx.ModelProto, facts: Facts, network: Network, found: Pictures, out: Path
) -> Facts:
    """Write a network as ``out`` (``.xml``) and a ``.bin`` file beside it.

    Args:
        model: the network as :func:`dagen.deploy.to_onnx.to_onnx` makes it, with its choices; or in
            int8, without them.
        facts: what the file says of itself. A precision of ``float16`` halves the weights; it and
            ``int8`` are not exact, and are compared without being refused.
        network: the PyTorch network, in evaluation mode on the CPU.
        found: images for the comparison with it.
        out: the ``.xml`` file.

    Returns:
        What the new file says of itself.

    Raises:
        UsageError: openvino is not installed.
        DagenError: OpenVINO computes something else, or a file cannot be written; nothing is
            left then.
    """
    core = open_core(str(out))
    import openvino

    exact, half = facts.precision == "float32", facts.precision == "float16"
    told = replace(facts, made_by={**facts.made_by, "openvino": openvino.__version__})
    # Without metadata, which OpenVINO would copy.
    plain, whole = (with_metadata(each, {}) for each in (without_choices(model), model))
    with tempfile.TemporaryDirectory() as folder:

        def write(name: str, content: bytes, now: Facts) -> tuple[Path, bytes, bytes]:
            path = Path(folder) / name
            read = core.read_model(content)
            read.set_rt_info(json.dumps(to_metadata(now)), [INFO])
            openvino.save_model(read, str(path), compress_to_fp16=half)
            weights = read_bytes(path.with_suffix(".bin"))
            sealed = seal(read_bytes(path), weights)
            path.write_bytes(sealed)
            return path, sealed, weights

        runtime = OpenVino(write("net.xml", plain, told)[0])
        probing = OpenVino(write("probing.xml", whole, told)[0]) if exact else None
        comparisons = compare(network, runtime, probing, found.images)
        if exact and (failed := [each for each in comparisons if not each.passed]):
            worst = max(each.worst for each in failed)
            raise DagenError(
                f"{facts.card.model} is not exported, because {runtime.name} differs from PyTorch "
                f"by {worst:.1e} of the largest output, and at most {TOLERANCE:.0e} is allowed."
            )
        final = replace(told, checked={**summary(comparisons, found.told), "in": runtime.name})
        _, content, weights = write("net.xml", plain, final)
    write_atomically(out.with_suffix(".bin"), weights)
    write_atomically(out, content)
    return final
