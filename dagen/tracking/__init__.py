"""Runs in MLflow: written to the run's own folder first, delivered from there.

:class:`RunLog` writes ``log.jsonl``; :class:`Delivery` brings what is new of it to MLflow, now
and then during training and once more at its end. Where MLflow is out of reach, the run goes on
and :func:`deliver_pending` makes up for it later. Nothing outside this package imports mlflow,
and importing this package does not.
"""

from dagen.tracking.delivery import Delivery, DeliveryError, deliver_pending
from dagen.tracking.run import RunLog, history, read_records
from dagen.tracking.store import tracking_uri, ui_command

__all__ = [
    "Delivery",
    "DeliveryError",
    "RunLog",
    "deliver_pending",
    "history",
    "read_records",
    "tracking_uri",
    "ui_command",
]
