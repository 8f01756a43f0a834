"""The deployed file: a network's weights, and how to build it.

It is a safetensors file with one metadata key, ``dagen``: the card (see
:mod:`dagen.models.deployed.card`). Reading it unpickles nothing. The card has checksums of itself
and of the tensors, so that a damaged file is refused; every load compares them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from dagen.errors import DagenError, UsageError, short
from dagen.models.base import Network, create_network
from dagen.models.deployed.card import (
    KEY,
    Card,
    CardError,
    as_first_written,
    digest,
    from_text,
    to_text,
)
from dagen.models.layers.narrowing import narrow
from dagen.system.files import write_atomically

_REMEDY = "restore it from a copy, or make it again with the command of its run and --fresh"


def save_deployed(path: Path, network: Network, card: Card) -> None:
    """Write the deployed file: no auxiliary heads, no optimiser, one metadata key.

    Whether the network is pruned is read off the network, not off ``card``.

    Raises:
        DagenError: it cannot be written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.deployed().items()}
    card = replace(card, channels=network.channels)
    write_atomically(path, save(tensors, {KEY: to_text(card, digest(tensors))}))


def load_deployed(path: Path | str) -> tuple[Network, Card]:
    """The network of a deployed file, in evaluation mode on the CPU, and its card.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    path = Path(path)
    tensors, card = read_deployed(path)
    network = _built(path, card)
    try:
        missing, unexpected = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        # torch's first line has no facts; the second names the first tensor of another shape.
        reason = str(error).splitlines()[1:2] or [str(error)]
        raise DagenError(
            f"{short(path, 200)} does not fit {card.model}: {short(reason[0].strip(), 200)}"
        ) from None
    if unexpected or set(network.deployed()) & set(missing):
        raise DagenError(
            f"{short(path, 200)} does not fit {card.model}: it has missing or extra weights."
        )
    return network.eval(), card


def read_deployed(path: Path) -> tuple[dict[str, Tensor], Card]:
    """The tensors of a deployed file and its card, after comparing their checksums.

    A file of version 0.1 has no checksums; it is read as it is.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    card = read_card(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _incomplete(path, error) from None
    if card.weights is not None and digest(tensors) != card.weights:
        raise DagenError(
            f"{short(path, 200)} is damaged: its weights differ from their checksum; {_REMEDY}."
        )
    return tensors, card


def read_card(path: Path) -> Card:
    """The metadata of a deployed file; its weights are not read.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError:  # a name that is too long
        is_file = is_folder = False
    if not is_file:
        told = f"{short(path, 200)} is not a file; give a deployed network, such as"
        if is_folder:
            raise DagenError(f"{told} the file model.safetensors in this folder, if it is a run's.")
        raise DagenError(f"{told} model.safetensors.")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise _incomplete(path, error) from None
    if KEY not in metadata:
        raise DagenError(
            f"{short(path, 200)} was not written by dagen: its metadata has no key 'dagen'."
        )
    try:
        return from_text(metadata[KEY])
    except CardError as error:
        raise DagenError(
            f"{short(path, 200)} cannot be read: {error}. If a newer dagen wrote it, update dagen; "
            f"otherwise {_REMEDY}."
        ) from None


def identity(path: Path) -> bytes:
    """The bytes by which runs that start from a deployed file are named.

    They are those that version 0.1 would have written for the same network, so that the names stay.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    tensors, _ = read_deployed(path)
    with safe_open(path, "pt") as file:
        first = as_first_written(file.metadata()[KEY])
    return path.read_bytes() if first is None else save(tensors, {KEY: first})


def offline(options: dict[str, Any]) -> dict[str, Any]:
    """A network's keywords without pretrained weights: for a build whose weights are replaced."""
    return {key: value for key, value in options.items() if key != "pretrained"}


def _built(path: Path, card: Card) -> Network:
    """A network as the card describes it, with weights that will be replaced."""
    try:
        network = create_network(card.model, card.kind, card.width, offline(card.options))
        narrow(network, card.channels)
        return network
    except UsageError as error:
        raise DagenError(f"{short(path, 200)} cannot be built here: {error}") from None


def _incomplete(path: Path, error: Exception) -> DagenError:
    reason = short((str(error).splitlines() or ["no reason given"])[0], 200)
    return DagenError(
        f"{short(path, 200)} is not a complete safetensors file: {reason}; {_REMEDY}."
    )
