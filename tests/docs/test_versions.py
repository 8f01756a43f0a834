"""The version and the import paths that the repository's files name are those of the code."""

import re
from pathlib import Path

import yaml

import dagen
from tests.test_imports import MODULES

ROOT = Path(__file__).parents[2]
LATEST = re.compile(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$(.*?)(?=^## )", re.M | re.S)


def latest() -> tuple[str, str, str]:
    """Version, date and text of the changelog's newest section."""
    found = LATEST.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert found is not None
    version, date, text = found.groups()
    return version, date, text


def test_the_changelog_and_the_citation_name_the_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    version, date, _ = latest()
    assert version == cited["version"] == dagen.__version__
    assert date == cited["date-released"]


def test_the_import_paths_of_the_changelog() -> None:
    rows = [line.strip("|").split("|") for line in latest()[2].splitlines() if "| `" in line]
    kept = {path for old, new in rows if new.strip() == "the same" for path in paths(old)}
    gone = {path for old, new in rows if new.strip() != "the same" for path in paths(old)}
    come = {path for _, new in rows for path in paths(new)}
    assert len(kept) == 10 and len(gone) > 50 and len(come) > 30
    assert kept | come <= set(MODULES)
    assert gone & set(MODULES) == {"dagen.scoring"}  # it was a module and is a folder


def paths(cell: str) -> list[str]:
    """The modules of a cell; a name alone is beside the module before it."""
    found: list[str] = []
    for name in re.findall(r"`([a-z_.]+)`", cell):
        found.append(name if "." in name else f"{found[-1].rpartition('.')[0]}.{name}")
    return found
