"""Names of networks that are no paths: ``dagen/waste-int8``, and ``user/name`` of the Hub."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from dagen.errors import DagenError, UsageError, short

SHIPPED = "dagen/waste-int8"
"""The network that comes with dagen: waste and background, in 8 bits."""
_FILE = "waste-int8.onnx"
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
_ENDINGS = (".safetensors", ".onnx", ".xml", ".bin")


def shipped() -> Path:
    """The file of :data:`SHIPPED`.

    Raises:
        DagenError: this installation lacks it.
    """
    path = Path(str(resources.files("dagen.deploy.hub") / _FILE))
    if not path.is_file():
        raise DagenError(
            f"this installation of dagen lacks the network {SHIPPED} ({_FILE}); install dagen "
            "again, or name a network of your own."
        )
    return path


def is_repository(name: str) -> bool:
    """Whether a name means a repository of the Hub: ``user/name``, and no path that is here."""
    path = Path(name)
    if not _REPOSITORY.fullmatch(name) or name.endswith(_ENDINGS) or ".." in name:
        return False
    # Where the folder `runs` is here, runs/x is a slip of the keyboard and no repository.
    return not path.exists() and not path.parent.is_dir()


def check_repository(name: str) -> None:
    """Refuse what cannot be the name of a repository.

    Raises:
        UsageError: it is none.
    """
    if not _REPOSITORY.fullmatch(name) or ".." in name:
        raise UsageError(f"'{short(name)}' is no name of a Hub repository; give USER/NAME.")
