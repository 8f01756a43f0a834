"""Writes the pages that are made from the code and the committed results, before Sphinx reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import logging

from sitepages import (
    benchmarks,
    browser,
    commands,
    compression,
    feature_space,
    growth,
    losses,
    networks,
    settings,
    speed,
    strategies,
    validators,
)
from sitepages import datasets as data_sets
from sitepages.results import read_all
from sitepages.writing import Site

logger = logging.getLogger(__name__)


def generate(app: Sphinx) -> None:
    """Write every generated page, and remove pages that no longer have a source."""
    here = Path(app.srcdir)
    site = Site(here)
    results = read_all(here.parent / "benchmarks", logger.warning)
    strategies.write(site, results)
    networks.write(site, results)
    data_sets.write(site, results)
    validators.write(site)
    losses.write(site)
    benchmarks.write(site, results, here.parent / "benchmarks")
    feature_space.write(site, here.parent / "benchmarks" / "results")
    compression.write(site, here.parent / "benchmarks" / "results")
    growth.write(site, here.parent / "benchmarks" / "results")
    speed.write(site, here.parent / "benchmarks" / "results")
    commands.write(site)
    settings.write(site)
    browser.write(site, app)
    site.remove_stale()


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("build-finished", browser.place)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
