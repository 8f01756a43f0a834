"""Runs in MLflow: written to the run's own folder first, delivered from there.

:class:`RunLog` writes ``log.jsonl``; :class:`Delivery` brings what is new of it to MLflow, now
and then during training and once more at its end. Where MLflow is out of reach, the run goes on
and :func:`deliver_pending` makes up for it later. Nothing outside this package imports mlflow,
and importing this package does not.
"""

from dagen.runs.log import RunLog, history, read_records
from dagen.tracking.delivery import Delivery, deliver, deliver_pending, pending
from dagen.tracking.later import add_to_run
from dagen.tracking.state import DeliveryError
from dagen.tracking.store import tracking_uri, ui_command, ui_environment
from dagen.tracking.view import address, prepare

__all__ = [
    "Delivery",
    "DeliveryError",
    "RunLog",
    "add_to_run",
    "address",
    "deliver",
    "deliver_pending",
    "history",
    "pending",
    "prepare",
    "read_records",
    "tracking_uri",
    "ui_command",
    "ui_environment",
]
