"""Opens the networks to visualize, from run folders or deployed files, and titles them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagen.deploy import predictor as exported
from dagen.errors import DagenError, UsageError
from dagen.models.deployed.card import Card
from dagen.models.deployed.file import load_deployed
from dagen.runs import describe
from dagen.runs.history import LOG
from dagen.runs.starts import require_scored
from dagen.runs.stored import check_config
from dagen.scoring.predictor import Observer
from dagen.scoring.torch_predictor import TorchPredictor

FILE = "model.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """One deployed network.

    Attributes:
        title: its title in figures, such as ``source-only`` or ``advent``.
        predictor: the network with the input size of its file, on the CPU.
        card: the metadata of its file.
        path: path of the file.
    """

    title: str
    predictor: Observer
    card: Card
    path: Path

    @property
    def run(self) -> Path | None:
        """The folder of the run that made it; None if there is no run's log beside the file."""
        return self.path.parent if (self.path.parent / LOG).is_file() else None


def open_all(given: Sequence[Path], src: str | None = None) -> list[Checkpoint]:
    """The networks of run folders and deployed files, in the given order.

    Args:
        given: folders of finished runs, or deployed or exported files.
        src: the source data set; a network trained on it alone is ``source-only``.

    Raises:
        UsageError: no network is given, one is given twice, or their tasks differ.
        DagenError: a folder has no deployed file, or a file is damaged.
    """
    if not given:
        raise UsageError("no network is given; name a run's folder or a model.safetensors.")
    paths = [_file(path) for path in given]
    twice = [str(path) for path, count in Counter(map(Path.resolve, paths)).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is given twice; give each network once.")
    loaded = [_load(path) for path in paths]
    for (_, card), path in zip(loaded, paths, strict=True):
        _check_run(card, path)
    tasks = list(dict.fromkeys(card.kind for _, card in loaded))
    if len(tasks) > 1:
        told = " and ".join(f"{task} ({', '.join(task.classes)})" for task in tasks[:2])
        raise UsageError(f"the networks have the tasks {told}; give networks of one task.")
    names = titles([card for _, card in loaded], paths, src)
    return [
        Checkpoint(name, predictor, card, path)
        for name, (predictor, card), path in zip(names, loaded, paths, strict=True)
    ]


def _load(path: Path) -> tuple[Observer, Card]:
    if exported.is_exported(path):
        predictor = exported.load(path)
        return predictor, predictor.runtime.facts.card
    network, card = load_deployed(path)
    require_scored(path, card)
    return TorchPredictor(network, card.kind, card.size, name=card.model), card


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / FILE).is_file():
        raise UsageError(
            f"{path} has no {FILE}; give the folder of a finished run, or a deployed file."
        )
    return path / FILE


def _check_run(card: Card, path: Path) -> None:
    """Check the configuration in a card, from which the network's title is made."""
    try:
        if card.run:
            check_config(card.run)
    except ValueError as error:
        raise DagenError(f"{path} has a card with a damaged configuration: {error}.") from None


def titles(cards: Sequence[Card], paths: Sequence[Path], src: str | None = None) -> list[str]:
    """A short title for each network; networks of one method also get the settings that differ."""
    short = [_title(card, path, src) for card, path in zip(cards, paths, strict=True)]
    return describe.told_apart(short, [card.run for card in cards])


def _title(card: Card, path: Path, src: str | None) -> str:
    run = card.run
    if not run:
        return path.parent.name if path.name == FILE and path.parent.name else path.stem
    title = describe.title(run)
    elsewhere = title == "source-only" and src not in (None, run["src"])
    return f"trained on {run['src']}" if elsewhere else title
