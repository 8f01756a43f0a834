"""Finds the file behind the name of a network."""

from __future__ import annotations

from pathlib import Path

from dagen.deploy.hub.names import SHIPPED, is_repository, shipped
from dagen.deploy.hub.pulling import NETWORK, pull


def located(name: Path | str) -> Path | str:
    """The file behind a name: shipped with dagen, in the Hub, a run's own, or what was given.

    Args:
        name: of a network or a file; or the folder of a run, whose deployed file is taken.

    Raises:
        UsageError: the Hub is needed, and its package is not installed.
        DagenError: the network cannot be had.
    """
    text = str(name)
    if text == SHIPPED:
        return shipped()
    if is_repository(text):
        return pull(text)
    return folders_network(name) or name


def folders_network(folder: Path | str) -> Path | None:
    """The deployed file in the folder of a run; None if there is none."""
    file = Path(folder) / NETWORK
    return file if file.is_file() else None
