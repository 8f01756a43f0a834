"""Writes a commented file for a new benchmark."""

from __future__ import annotations

from pathlib import Path

from dagen.benchmarking.keys import TEMPLATE
from dagen.benchmarking.reading import FOLDER
from dagen.errors import UsageError, short
from dagen.system.files import make_folder, write_atomically


def write_new(name: str) -> Path:
    """Write a file that runs as it is, on synthetic data, and says what each key means.

    Args:
        name: a path that ends with ``.toml``, or a name in ``benchmarks/``.

    Returns:
        The file.

    Raises:
        UsageError: the file exists, or there is no name.
        DagenError: it cannot be written.
    """
    if not name.strip() or name.endswith(("/", "/.toml")):
        raise UsageError(f"'{short(name)}' names no file; give a name, such as mine.")
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if path.exists():
        raise UsageError(f"{short(path, 200)} is there already; give another name.")
    make_folder(path.parent)
    write_atomically(path, TEMPLATE.replace("{name}", name).encode())
    return path
