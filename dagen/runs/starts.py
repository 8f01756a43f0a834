"""Deployed files that are a start for other runs: pre-trained, with a head that learned nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dagen import plugins
from dagen.errors import UsageError, short
from dagen.models.deployed.card import Card


def is_start(run: Mapping[str, Any]) -> bool:
    """Whether a run with this configuration, as stored, pre-trains.

    Strategies that are not here any more do not.
    """
    known = plugins.names("methods")
    return any(
        name in known and plugins.get("methods", name).pretrains for name in run.get("method", ())
    )


def starting() -> list[str]:
    """The strategies that pre-train."""
    return [name for name in plugins.names("methods") if is_start({"method": [name]})]


def require_scored(path: Path | str, card: Card) -> None:
    """Refuse a file whose head learned nothing, where a network is wanted.

    Raises:
        UsageError: a run that pre-trains made it.
    """
    if is_start(card.run):
        raise UsageError(
            f"{short(path, 200)} is pre-trained only and cannot segment; start a run from it with "
            "--init."
        )
