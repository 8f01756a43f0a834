"""OpenVINO leaves the program as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

from dagen.deploy.export import export

_SIGNALLED = """
import os, signal, sys
from pathlib import Path
from dagen.deploy.runtimes.openvino import OpenVino

signal.signal(signal.SIGTERM, lambda *_: print("handled"))
first, second = OpenVino(Path(sys.argv[1])), OpenVino(Path(sys.argv[1]))
del first  # the order in which they began
del second
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_after_two_networks_is_handled(deployed: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    file = export(deployed, tmp_path / "net.xml", format="openvino").file
    done = subprocess.run(
        [sys.executable, "-c", _SIGNALLED, str(file)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
