"""MLflow's registry: a model per network, task and pair of domains, with a version per run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dagen.runs.history import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

_PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "ABORTED")
"""Errors of a store in trouble, unlike those of a store that has no registry."""

logger = logging.getLogger("dagen.tracking")


def register(client: MlflowClient, run_id: str, model: LoggedModel, record: Record) -> None:
    """Make a run's logged model a version of a registered model, unless it is one already.

    If the store has no registry, or refuses this user, a warning is logged: the model stays logged,
    and the delivery goes on.

    Args:
        client: the store's client; errors of its libraries are not caught.
        run_id: id of the MLflow run.
        model: the logged model.
        record: a record of kind ``model``.
    """
    from mlflow.exceptions import MlflowException

    try:
        _register(client, run_id, model, record)
    except MlflowException as error:
        if error.error_code in _PASSING:
            raise
        reason = str(error).strip().split("\n")[0][:200]
        logger.warning("The model was logged but not registered: %s", reason)


def _register(client: MlflowClient, run_id: str, model: LoggedModel, record: Record) -> None:
    from mlflow.exceptions import MlflowException

    name = record["registered"]
    try:
        client.create_registered_model(name, description=_about(name))
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A process that died before it noted the delivery repeats this.
    if client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'"):
        return
    client.create_model_version(
        name,
        model.artifact_location,  # `models:/<id>` would be looked up in another store, the default
        run_id,
        tags=record["tags"],
        description=record["description"],
        model_id=model.model_id,
    )


def _about(name: str) -> str:
    return (
        "Versions are runs of dagen; tags say which method, budget and seed. Load one with\n\n"
        f'```python\nmodel = mlflow.pyfunc.load_model("models:/{name}/VERSION")\n'
        "masks = model.predict(images)  # (N, H, W, 3) uint8 RGB to (N, H, W) uint8 class ids\n"
        "```\n"
    )
