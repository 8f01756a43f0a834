"""Uploads a network to the Hub: the deployed file, its exports, and a model card."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dagen.deploy.export import Exported, export
from dagen.deploy.hub.client import client, explained
from dagen.deploy.hub.model_card import model_card
from dagen.deploy.hub.names import check_repository
from dagen.deploy.hub.pulling import CARD, INT8, NETWORK, ONNX
from dagen.errors import UsageError
from dagen.models.deployed.file import load_deployed
from dagen.runs import results
from dagen.runs.starts import require_scored
from dagen.system.files import write_atomically


@dataclass(frozen=True)
class Pushed:
    """A network that was uploaded.

    Attributes:
        address: the repository's page.
        files: names of the files.
        card: the text of the model card.
    """

    address: str
    files: tuple[str, ...]
    card: str


def push(
    model: Path,
    repository: str,
    *,
    licence: str,
    notes: str = "",
    int8: bool = False,
    calibrate: str | None = None,
    private: bool = False,
    data_root: Path | None = None,
) -> Pushed:
    """Upload a deployed file, its ONNX file, and a model card.

    Args:
        model: the deployed file; scores come from ``result.json`` beside it, if that is of the
            same weights.
        repository: ``user/name``; made if missing.
        licence: licence of the weights, such as ``Apache-2.0``.
        notes: Markdown that stands in the card under "Notes".
        int8: whether to upload an ONNX file in 8 bits as well.
        calibrate: data set that sets the ranges of int8; None is the run's target.
        private: whether a repository that is made now is private.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: no name of a repository, no licence, or a package is not installed.
        DagenError: the network is missing or damaged, cannot be exported, or the Hub refuses.
    """
    check_repository(repository)
    if not licence.strip():
        raise UsageError("a network that others may use needs a licence; give one, as Apache-2.0.")
    hub = client()
    network, card = load_deployed(model)
    require_scored(model, card)
    del network
    with explained(repository):
        hub.HfApi().whoami()  # before minutes of exporting
    with TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copyfile(model, folder / NETWORK)
        exports = _exports(model, folder, licence, int8, calibrate, data_root)
        text = model_card(card, exports, model.stat().st_size, repository, _result(model), notes)
        write_atomically(folder / CARD, text.encode())
        with explained(repository):
            api = hub.HfApi()
            address = api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message=f"{card.model} by dagen"
            )
        files = tuple(sorted(each.name for each in folder.iterdir()))
    return Pushed(str(address), files, text)


def _exports(
    model: Path,
    folder: Path,
    licence: str,
    int8: bool,
    calibrate: str | None,
    data_root: Path | None,
) -> Sequence[Exported]:
    found = [export(model, folder / ONNX, data_root=data_root, licence=licence)]
    if int8:
        found.append(
            export(
                model,
                folder / INT8,
                int8=True,
                calibrate=calibrate,
                data_root=data_root,
                licence=licence,
            )
        )
    return found


def _result(model: Path) -> results.RunResult | None:
    """The result of the run that made a file; None if it is of other weights, or not there."""
    found = results.load(model.parent) if (model.parent / results.FILE).is_file() else None
    if found is None or found.weights != load_deployed(model)[1].weights:
        return None
    return found
