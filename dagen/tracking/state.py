"""The state of a run's delivery: ``delivered.json`` beside the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dagen.errors import DagenError, short
from dagen.parameters import complaint
from dagen.runs.history import Record
from dagen.system.files import write_atomically
from dagen.system.locks import Occupied, exclusive
from dagen.system.sealing import sealed, unsealed

STATE = "delivered.json"
_LOCK_SECONDS = 5


class DeliveryError(DagenError):
    """MLflow did not take the log; the log itself is unchanged."""


@dataclass
class State:
    """How far a log was delivered, and to which store.

    Attributes:
        experiment: the MLflow experiment's name.
        run_name: the run's name in MLflow.
        parent: folder of the parent run, relative to this run's.
        token: tag by which any store finds this run.
        uri: address of the store.
        run_id: the MLflow run's id there; empty until it is made.
        experiment_id: the experiment's id there.
        position: number of bytes of the log that were delivered.
        reached: last step sent, by metric.
        repeated: last step sent at the last rewind, by metric; a resumed run repeats these steps.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    experiment: str
    run_name: str
    parent: str | None
    token: str
    uri: str
    run_id: str = ""
    experiment_id: str = ""
    position: int = 0
    reached: dict[str, int] = field(default_factory=dict)
    repeated: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> State:
        """The state of the run in ``folder``.

        Raises:
            DagenError: there is none, or it is damaged.
        """
        path = folder / STATE
        try:
            values = unsealed(json.loads(path.read_bytes()))
            # From JSON, because a strict adapter takes no dictionary for a dataclass.
            return TypeAdapter(cls).validate_json(json.dumps(values), strict=True)
        except FileNotFoundError:
            raise DagenError(f"{folder} is not delivered to MLflow: it has no {STATE}.") from None
        except (OSError, ValueError, RecursionError) as error:
            reason = (
                complaint(error.errors()[0]) if isinstance(error, ValidationError) else str(error)
            )
            raise DagenError(
                f"{path} is damaged ({short(reason, 200)}); remove it and run again to log "
                "everything to MLflow."
            ) from error

    def save(self, folder: Path) -> None:
        """Write the state of the run in ``folder``.

        Raises:
            DagenError: it cannot be written.
        """
        text = json.dumps(sealed(asdict(self)), indent=1)
        write_atomically(folder / STATE, text.encode() + b"\n")

    def restart(self, uri: str) -> None:
        """Start again, for a store at ``uri`` that has nothing yet."""
        self.uri, self.run_id, self.experiment_id, self.position = uri, "", "", 0
        self.reached, self.repeated = {}, {}

    def rewind(self) -> None:
        """Go back to a checkpoint: the run will repeat later steps that were already sent.

        MLflow cannot remove a point. On hardware where a resumed run is not bit-identical, its
        curves therefore show the first attempt's values for the repeated steps.
        """
        self.repeated = dict(self.reached)

    def unsent(self, record: Record) -> dict[str, float]:
        """The values of a metrics record that were not sent yet; they count as sent from now on."""
        step: int = record["step"]
        new = {
            name: float(value)
            for name, value in record["values"].items()
            if step > self.repeated.get(name, -1)
        }
        for name in new:
            self.reached[name] = max(step, self.reached.get(name, -1))
        return new


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from delivering the same run inside the block.

    Raises:
        DeliveryError: another process has been delivering it for some seconds.
        DagenError: the folder cannot be written to.
    """
    lock = folder / f"{STATE}.lock"
    with ExitStack() as held:
        try:
            held.enter_context(
                exclusive(lock, str(folder), tell_after=_LOCK_SECONDS, give_up_after=0)
            )
        except Occupied:
            raise DeliveryError(f"another process is delivering {folder} to MLflow.") from None
        yield
