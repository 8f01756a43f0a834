"""Functions that share networks through the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagen.deploy.hub.pushing import Pushed


def push(
    model: Path | str,
    repository: str,
    *,
    licence: str,
    notes: str = "",
    int8: bool = False,
    calibrate: str | None = None,
    private: bool = False,
    runs: Path | str = "runs",
    data_root: Path | str | None = None,
) -> Pushed:
    """Upload a network to the Hugging Face Hub: its file, an ONNX file, and a model card.

    The ONNX file is compared with PyTorch before anything is uploaded. Log in first, with
    ``hf auth login``.

    >>> dagen.push("runs/belt-taco", "me/litter", licence="Apache-2.0")    # doctest: +SKIP
    >>> dagen.load("me/litter")                                            # doctest: +SKIP

    Args:
        model: a deployed file; or a finished run: its folder, its name, or the hash at the end of
            its name. Scores come from the run.
        repository: ``user/name``; made if missing.
        licence: licence of the weights, such as ``Apache-2.0``.
        notes: Markdown for the card, such as where the network was tried.
        int8: whether to upload an ONNX file in 8 bits as well.
        calibrate: data set whose unlabelled training images set the ranges of int8; None is the
            run's target.
        private: whether a repository that is made now is private.
        runs: folder of all runs.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.

    Raises:
        UsageError: no such run, no name of a repository, no licence, or a missing package.
        DagenError: the network is missing or damaged, cannot be exported, or the Hub refuses.
    """
    from dagen.deploy.hub.pushing import push as pushed
    from dagen.runs.finding import file_of

    return pushed(
        file_of(str(model), Path(runs)), repository, licence=licence, notes=notes, int8=int8,
        calibrate=calibrate, private=private,
        data_root=None if data_root is None else Path(data_root),
    )  # fmt: skip


def pull(repository: str, out: Path | str | None = None, *, revision: str | None = None) -> Path:
    """Fetch a network that ``push`` uploaded; :func:`dagen.load` does this by itself.

    Args:
        repository: ``user/name``.
        out: folder to write to; None is the Hub's cache.
        revision: branch, tag or commit; None is the main branch.

    Returns:
        The file to load: the network where torch is installed, otherwise the ONNX file.

    Raises:
        UsageError: no name of a repository, or a missing package.
        DagenError: the repository is not there, cannot be reached, or has no network of dagen's.
    """
    from dagen.deploy.hub.pulling import pull as pulled

    return pulled(repository, None if out is None else Path(out), revision)
