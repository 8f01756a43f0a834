"""Finds a finished run, or its deployed file, by folder, name, or the hash at the name's end."""

from __future__ import annotations

import difflib
from pathlib import Path

from dagen.errors import UsageError
from dagen.runs import results

_DEPLOYED = ".safetensors"


def folder_of(given: str, runs: Path) -> Path:
    """The folder of a finished run.

    Args:
        given: a folder or a file in it, a run's name, or the hash at the end of a name.
        runs: folder of all runs.

    Raises:
        UsageError: there is no such run, or it is not finished.
    """
    path = Path(given)
    if path.is_file():
        path = path.parent
    for folder in (path, runs / given):
        if folder.is_dir():
            if (folder / results.FILE).is_file():
                return folder
            raise UsageError(
                f"{folder} is not the folder of a finished run: it has no {results.FILE}. Run the "
                "same command again to finish the run."
            )
    finished = sorted(each.parent.name for each in runs.glob(f"*/{results.FILE}"))
    ending = [name for name in finished if name.endswith(f"-{given}")]
    if len(ending) == 1:
        return runs / ending[0]
    near = [name for name in finished if given in name] or difflib.get_close_matches(
        given, finished
    )
    hint = f" Did you mean {' or '.join(near[:3])}?" if near else ""
    raise UsageError(
        f"there is no run {given}; {runs} has {len(finished)} finished run(s).{hint} Give a "
        "run's name, the hash at its end or its folder, and --runs FOLDER if runs are elsewhere."
    )


def file_of(given: str, runs: Path) -> Path:
    """The deployed file of a finished run, or a deployed file itself.

    Args:
        given: a deployed file (``.safetensors``), ``run:NAME``, or what :func:`folder_of` takes.
        runs: folder of all runs.

    Raises:
        UsageError: there is no such run, or it is not finished.
    """
    if Path(given).suffix == _DEPLOYED:
        return Path(given).expanduser()
    return folder_of(given.removeprefix(results.RUN), runs) / results.MODEL
