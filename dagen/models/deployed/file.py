"""The deployed file: a network's weights, and how to build it.

It is a safetensors file with one metadata key, ``dagen``, a JSON object that says how to build the
network. Reading it unpickles nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from dagen.colours import Colour
from dagen.errors import DagenError
from dagen.models.base import Network, create_network
from dagen.system.files import write_atomically
from dagen.types import Task


@dataclass(frozen=True)
class Card:
    """The metadata of a deployed file.

    Attributes:
        model: the network's plug-in name.
        task: name of the task that it segments.
        size: height and width in pixels at which the network is scored.
        width: the network's width.
        options: the network's own keyword arguments.
        run: the configuration of the run that made it; empty if no run did.
        classes: names of the classes by id; empty in files of version 0.1, which knew built-in
            tasks alone.
        colours: RGB of each class.
        background: whether class 0 is the background.
    """

    model: str
    task: str
    size: tuple[int, int]
    width: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    background: bool = True

    @property
    def kind(self) -> Task:
        """The task that it segments.

        Raises:
            UsageError: a built-in task is unknown, or the classes cannot be a task.
        """
        if not self.classes:
            return Task.named(self.task)
        return Task(self.task, self.classes, self.colours, self.background)


def save_deployed(path: Path, network: Network, card: Card) -> None:
    """Write the deployed file: no auxiliary heads, no optimiser, one metadata key.

    Raises:
        DagenError: it cannot be written.
    """
    tensors = {key: value.detach().cpu().contiguous() for key, value in network.deployed().items()}
    metadata = {"dagen": json.dumps(asdict(card), sort_keys=True)}
    write_atomically(path, save(tensors, metadata))


def load_deployed(path: Path | str) -> tuple[Network, Card]:
    """The network of a deployed file, in evaluation mode on the CPU, and its card.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    path = Path(path)
    card = read_card(path)
    network = create_network(card.model, card.kind, card.width, offline(card.options))
    try:
        tensors = load_file(path)
        missing, unexpected = network.load_state_dict(tensors, strict=False)
        wanted = set(network.deployed())
    except (SafetensorError, RuntimeError) as error:
        raise DagenError(
            f"{path} does not fit {card.model}: {str(error).splitlines()[0]}"
        ) from None
    if unexpected or wanted & set(missing):
        raise DagenError(f"{path} does not fit {card.model}: it has missing or extra weights.")
    return network.eval(), card


def read_card(path: Path) -> Card:
    """The metadata of a deployed file.

    Raises:
        DagenError: the file is missing, damaged, or not written by dagen.
    """
    if not path.is_file():
        raise DagenError(
            f"{path} is not a file; give a deployed network, such as model.safetensors."
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DagenError(f"{path} is not a complete safetensors file: {error}.") from None
    if "dagen" not in metadata:
        raise DagenError(f"{path} was not written by dagen: its metadata has no key 'dagen'.")
    values = json.loads(metadata["dagen"])
    values.pop("metrics", None)  # version 0.1 wrote it, always empty
    values["classes"] = tuple(values.get("classes", ()))
    values["colours"] = tuple(map(tuple, values.get("colours", ())))
    return Card(**{**values, "size": tuple(values["size"])})


def offline(options: dict[str, Any]) -> dict[str, Any]:
    """A network's keywords, with downloads off: for a build whose weights will be replaced."""
    return {key: value for key, value in options.items() if key != "pretrained"}
