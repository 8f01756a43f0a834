"""The page of all settings: of runs, and of the files of benchmarks."""

from __future__ import annotations

from dagen.benchmarking import keys as grid
from dagen.runs import keys
from sitepages.writing import Site, indent, page, rows, title


def write(site: Site) -> None:
    """Write the page."""
    site.write(
        "generated/settings.rst",
        page(
            ".. _settings:",
            title("Settings"),
            ".. rst-class:: lead\n\nEvery key of a run's file and of a benchmark's file. This page "
            "is made from the code, and ``dagen list settings`` prints it.",
            title("A run", "-"),
            "A file for ``--config``; a flag, or ``--set key=value`` with the value in TOML, takes "
            "precedence. In Python they are keywords of :func:`dagen.train` and "
            ":func:`dagen.adapt`.",
            _toml(keys.EXAMPLE),
            rows(
                ("key", "values", "default", "meaning"),
                (
                    (f"``{key.name}``", f"``{key.kind}``", f"``{key.default}``", key.text)
                    for key in keys.of_runs()
                ),
            ),
            "A table named after a strategy has its parameters (:doc:`/strategies/index`); "
            "``model_options`` has the network's own keywords (:doc:`/networks/index`).",
            title("A benchmark", "-"),
            "``dagen benchmark FILE.toml`` runs a grid. A file has these keys:",
            rows(("key", "meaning"), ((f"``{k}``", text) for k, text in grid.FILE.items())),
            "A row may say:",
            rows(("key", "meaning"), ((f"``{k}``", text) for k, text in grid.ROW.items())),
            grid.BUDGETS,
            "``dagen benchmark new NAME`` writes this file, which runs on synthetic data:",
            _toml(grid.TEMPLATE.replace("{name}", "NAME")),
        ),
    )


def _toml(text: str) -> str:
    return f".. code-block:: toml\n\n{indent(text)}\n"
