"""The checkpoints of a run from which the deployed one is chosen.

Each is the network that would be deployed at its step: the strategies' predictor (a teacher or a
mean of weights, for instance) with its batch-norm statistics, as a deployed file in the run's
folder ``candidates/``. It is written before the state of the same step, so a run that is killed and
resumed has all of them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from dagen.batch_norm import BatchNormPolicy
from dagen.errors import DagenError, short
from dagen.models.base import Network
from dagen.models.deployed.card import KEY, Card, digest
from dagen.models.deployed.file import load_deployed, read_deployed, save_deployed
from dagen.system.files import make_folder, write_atomically

FOLDER = "candidates"
"""Name of their folder in a run's folder."""

_ANEW = "run again with --fresh to train from the start"


class Candidates:
    """The files of one run's candidates.

    Attributes:
        steps: numbers of steps after which they are kept, ascending; the last is the end of the
            run.
    """

    def __init__(self, folder: Path, steps: tuple[int, ...]) -> None:
        """Write nothing yet.

        Args:
            folder: folder of the run.
            steps: see :attr:`dagen.runs.plan.Plan.kept`.
        """
        self.folder = folder / FOLDER
        self.steps = steps

    def path(self, step: int) -> Path:
        """The deployed file of the candidate after ``step`` steps."""
        return self.folder / f"{step:08d}.safetensors"

    def save(self, step: int, network: Network, card: Card, batch_norm: BatchNormPolicy) -> None:
        """Keep the network that would be deployed now.

        Raises:
            DagenError: it cannot be written.
        """
        make_folder(self.folder)
        # Written first, so that an existing candidate is complete.
        if batch_norm.source_statistics:
            statistics = _whole(batch_norm)
            write_atomically(self._beside(step), save(statistics, {KEY: digest(statistics)}))
        save_deployed(self.path(step), network, card)

    def check(self) -> None:
        """Check that all candidates are there and whole.

        Raises:
            DagenError: a file is missing or damaged.
        """
        for step in self.steps:
            read_deployed(_existing(self.path(step)))

    def load(self, step: int) -> Network:
        """The candidate on the CPU, in evaluation mode.

        Raises:
            DagenError: the file is missing or damaged.
        """
        path = _existing(self.path(step))
        try:
            network, _ = load_deployed(path)
        except DagenError as error:
            raise DagenError(f"{error} To make this candidate again, {_ANEW}.") from None
        return network

    def restore(self, step: int, batch_norm: BatchNormPolicy) -> None:
        """Give the policy the source's statistics of that step, if it keeps them separately.

        Raises:
            DagenError: the file is missing or damaged.
        """
        if batch_norm.source_statistics:
            path = _existing(self._beside(step))
            try:
                batch_norm.load_state_dict(_read(path))
            except (SafetensorError, OSError, RuntimeError, ValueError) as error:
                reason = short((str(error).splitlines() or ["no reason given"])[0])
                raise DagenError(f"{path} is damaged ({reason}); {_ANEW}.") from None

    def _beside(self, step: int) -> Path:
        return self.folder / f"{step:08d}.batch-norm.safetensors"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise DagenError(f"{path} is missing; {_ANEW}.")
    return path


def _read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file of statistics; version 0.1 wrote it without a checksum."""
    with safe_open(path, "pt") as file:
        expected = (file.metadata() or {}).get(KEY)
    tensors = load_file(path)
    if expected is not None and digest(tensors) != expected:
        raise ValueError("its values differ from their checksum")
    return tensors


def _whole(batch_norm: BatchNormPolicy) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu().clone() for key, value in batch_norm.state_dict().items()}
