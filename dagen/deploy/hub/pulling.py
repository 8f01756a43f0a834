"""Fetches a network from the Hub."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from dagen.deploy.hub.client import client, explained
from dagen.deploy.hub.names import SHIPPED, check_repository, shipped
from dagen.errors import DagenError
from dagen.system.files import make_folder, write_atomically

NETWORK, ONNX, INT8, CARD = "model.safetensors", "model.onnx", "model-int8.onnx", "README.md"
"""The files of a repository."""


def pull(repository: str, out: Path | None = None, revision: str | None = None) -> Path:
    """Fetch the files of a network; those that are here already are not fetched again.

    Args:
        repository: ``user/name``, or ``dagen/waste-int8``, which comes with dagen.
        out: folder to write to; None is the Hub's cache.
        revision: branch, tag or commit; None is the main branch.

    Returns:
        The file to load: the network itself where torch is installed, and otherwise the exported
        file. Both say what they are when they are loaded.

    Raises:
        UsageError: no name of a repository, or ``huggingface_hub`` is not installed.
        DagenError: the repository is not there, cannot be reached, or has no network of dagen's.
    """
    check_repository(repository)
    if repository == SHIPPED:
        return _copied(shipped(), out)
    hub = client()
    with explained(repository):
        folder = Path(
            hub.snapshot_download(
                repository,
                revision=revision,
                local_dir=out,
                allow_patterns=[NETWORK, ONNX, INT8, CARD],
            )
        )
    wanted = (NETWORK, ONNX, INT8) if _has_torch() else (ONNX, INT8, NETWORK)
    for name in wanted:
        if (folder / name).is_file():
            return folder / name
    raise DagenError(
        f"the repository {repository} has neither {NETWORK} nor {ONNX}; `dagen push` writes them."
    )


def _copied(file: Path, out: Path | None) -> Path:
    """The network that comes with dagen, which is in no repository."""
    if out is None:
        return file
    make_folder(out)
    write_atomically(out / file.name, file.read_bytes())
    return out / file.name


def _has_torch() -> bool:
    try:
        metadata.version("torch")
    except metadata.PackageNotFoundError:
        return False
    return True
