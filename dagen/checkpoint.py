"""What is written: training states (to resume) and the deployed file (to ship).

A state file is a 32-byte BLAKE2b digest and what ``torch.save`` wrote; it is read back with
``weights_only=True``. The deployed file is safetensors with one metadata key, ``dagen``, a JSON
object that says how to build the network. Nothing unpickles a file that it was given.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from dagen import plugins
from dagen.deploy.measure import deployed
from dagen.errors import DagenError, UsageError
from dagen.files import write_atomically
from dagen.models.base import Network
from dagen.types import Task

_DIGEST = 32
_KEEP = 2

log = logging.getLogger("dagen")


@dataclass(frozen=True)
class Card:
    """What a deployed file says of itself.

    Attributes:
        model: the network's plug-in name.
        task: what it segments.
        size: height and width in pixels that scoring covers.
        width: the network's width.
        options: the network's own keywords.
        run: the configuration of the run that made it; empty when no run did.
        metrics: the scores that the run measured.
    """

    model: str
    task: str
    size: tuple[int, int]
    width: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)


def build(model: str, task: Task, width: float, options: dict[str, Any]) -> Network:
    """A network with fresh weights.

    Raises:
        UsageError: an unknown network, or a keyword that it does not have.
    """
    try:
        network: Network = plugins.get("models", model)(task.num_classes, width=width, **options)
    except TypeError as error:
        raise UsageError(f"network {model}: {error}.") from None
    return network


def save_state(folder: Path, step: int, state: dict[str, Any]) -> None:
    """Write the state after ``step`` steps and drop all but the newest two.

    Raises:
        DagenError: it cannot be written; older states stay.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    payload = buffer.getvalue()
    digest = hashlib.blake2b(payload, digest_size=_DIGEST).digest()
    write_atomically(folder / f"state-{step:08d}.pt", digest + payload)
    for old in sorted(folder.glob("state-*.pt"))[:-_KEEP]:
        old.unlink(missing_ok=True)


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest state that is whole, on the CPU; damaged ones are skipped with a warning."""
    for path in sorted(folder.glob("state-*.pt"), reverse=True):
        data = path.read_bytes()
        payload = data[_DIGEST:]
        if hashlib.blake2b(payload, digest_size=_DIGEST).digest() == data[:_DIGEST]:
            state: dict[str, Any] = torch.load(
                io.BytesIO(payload), map_location="cpu", weights_only=True
            )
            return state
        log.warning("%s is damaged and is skipped.", path)
    return None


def drop_states(folder: Path) -> None:
    """Remove all states of a run that is done."""
    for path in folder.glob("state-*.pt"):
        path.unlink(missing_ok=True)


def save_deployed(path: Path, network: Network, card: Card) -> None:
    """Write the deployed file: no auxiliary heads, no optimiser, one metadata key.

    Raises:
        DagenError: it cannot be written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in deployed(network).items()}
    metadata = {"dagen": json.dumps(asdict(card), sort_keys=True)}
    write_atomically(path, save(tensors, metadata))


def load_deployed(path: Path | str) -> tuple[Network, Card]:
    """The network of a deployed file, in evaluation mode on the CPU, and its card.

    Raises:
        DagenError: no such file, a damaged one, or one that dagen did not write.
    """
    path = Path(path)
    card = read_card(path)
    network = build(card.model, Task(card.task), card.width, offline(card.options))
    try:
        tensors = load_file(path)
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        wanted = set(deployed(network))
    except (SafetensorError, RuntimeError) as error:
        raise DagenError(
            f"{path} does not fit {card.model}: {str(error).splitlines()[0]}"
        ) from None
    if unexpected or wanted & set(missing):
        raise DagenError(f"{path} does not fit {card.model}: it lacks or adds weights.")
    return network.eval(), card


def read_card(path: Path) -> Card:
    """The metadata of a deployed file.

    Raises:
        DagenError: no such file, a damaged one, or one that dagen did not write.
    """
    if not path.is_file():
        raise DagenError(f"{path} is no file; give a deployed network, such as model.safetensors.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DagenError(f"{path} is no whole safetensors file: {error}.") from None
    if "dagen" not in metadata:
        raise DagenError(f"{path} was not written by dagen: its metadata has no key 'dagen'.")
    values = json.loads(metadata["dagen"])
    return Card(**{**values, "size": tuple(values["size"])})


def offline(options: dict[str, Any]) -> dict[str, Any]:
    """A network's keywords for a build whose weights will be replaced: nothing is downloaded."""
    return {key: value for key, value in options.items() if key != "pretrained"}
