"""Converts an exported ONNX file to OpenVINO's two files."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

from dagen.deploy.checking import TOLERANCE, compare, summary
from dagen.deploy.facts import Facts, check_seal, seal, to_metadata
from dagen.deploy.pictures import Pictures
from dagen.deploy.runtimes.base import read_bytes
from dagen.deploy.runtimes.openvino import INFO, OpenVino, open_core
from dagen.errors import DagenError
from dagen.models.base import Network
from dagen.system.files import write_atomically


def to_openvino(onnx: bytes, facts: Facts, network: Network, found: Pictures, out: Path) -> Facts:
    """Write an ONNX network as ``out`` (``.xml``) and a ``.bin`` file beside it, in float32.

    Args:
        onnx: the network as ONNX without metadata, which OpenVINO would copy.
        facts: what the file says of itself.
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

    made_by = {**facts.made_by, "openvino": openvino.__version__}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.xml"

        def write(now: Facts) -> tuple[bytes, bytes]:
            model = core.read_model(onnx)
            model.set_rt_info(json.dumps(to_metadata(now)), [INFO])
            openvino.save_model(model, str(path), compress_to_fp16=False)
            weights = read_bytes(path.with_suffix(".bin"))
            content = seal(read_bytes(path), weights)
            check_seal(content, str(out), weights)
            path.write_bytes(content)
            return content, weights

        write(replace(facts, made_by=made_by))
        runtime = OpenVino(path)
        comparisons = compare(network, runtime, found.images)
        if failed := [each for each in comparisons if not each.passed]:
            worst = max(max(each.logits, each.features) for each in failed)
            raise DagenError(
                f"{facts.card.model} is not exported, because {runtime.name} differs from PyTorch "
                f"by {worst:.1e} of the largest output, and at most {TOLERANCE:.0e} is allowed."
            )
        checked = {**summary(comparisons, found.told), "in": runtime.name}
        final = replace(facts, made_by=made_by, checked=checked)
        content, weights = write(final)
    write_atomically(out.with_suffix(".bin"), weights)
    write_atomically(out, content)
    return final
