"""The benchmark pages: all rows in one table, and a page with figures for each file of results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from pathlib import Path

from dagen.benchmarking.broken_down import table as broken_down
from dagen.benchmarking.deployed import table as deployed
from dagen.benchmarking.tables import protocol, writing
from sitepages.charts import pareto
from sitepages.results import SCORE, Line, Results, lines
from sitepages.tables import of_lines, report
from sitepages.writing import Site, page, plain, raw, title, toctree

_FOLDER = "benchmarks"


def write(site: Site, results: list[Results], folder: Path) -> None:
    """Write the index and a page for each file of results, which lie below ``folder``."""
    for one in results:
        picture = (folder / one.file).with_suffix(".png")
        if same := _weigh_the_same(one) and picture.is_file():
            site.write(f"{_FOLDER}/{one.page}.png", picture.read_bytes())
        site.write(f"{_FOLDER}/{one.page}.rst", _page(one, same))
    site.write(f"{_FOLDER}/index.rst", _index(results))
    site.write("generated/front.md", _front(results))


def _index(results: list[Results]) -> str:
    head = page(
        ":hide-toc:",
        ".. _benchmarks:",
        title("Benchmarks"),
        ".. rst-class:: lead\n\nEvery number here comes from a file in ``benchmarks/results/``, "
        "and each of those can be made again with one command.",
    )
    if not results:
        return page(head, "No results are committed yet.")
    every = sorted(lines(results), key=_best_first)
    runs = sum(len(one.records) for one in results)
    caption = f"All rows of all benchmarks; {SCORE}"
    return page(
        head,
        f"{runs} runs, {len(every)} rows. Choose a network, a task or a benchmark, type to "
        "filter, and press a column's head to sort by it. A ± is half a 95 % t-interval over "
        "seeds; a row of one seed has none, and small differences between such rows mean "
        "nothing. :doc:`How to read these numbers </protocol>`.",
        *_figures(results, "all", "All benchmarks in one figure"),
        raw(of_lines("all-rows", caption, every, root="../", facets=True)),
        *_latency(results[0]),
        title("Each benchmark", "-"),
        "\n".join(
            f"* :doc:`{one.page}` (``{one.name}``), {len(one.records)} runs" for one in results
        ),
        toctree(one.page for one in results),
    )


def _latency(any_results: Results) -> Iterator[str]:
    """The table of latencies, if they were measured."""
    found = any_results.latencies
    if found.rows:
        yield title("Latency", "-")
        yield (
            "The column ms above is the median of ONNX Runtime in float32 at the row's input size."
        )
        yield raw(report(found.table(), "latency"))


def _best_first(line: Line) -> tuple[str, str, bool, float]:
    """The data set and the task together, ceilings last: they are no competitors."""
    mean = line.score.mean
    order = 1.0 if math.isnan(mean) else -mean
    return line.first.domain, line.first.task, line.ceiling, order


def _weigh_the_same(one: Results) -> bool:
    """Whether a figure of scores against bytes would be one vertical line of points."""
    weights = {(line.weight("bytes"), line.weight("macs")) for line in lines([one])}
    return len(weights) == 1


def _page(one: Results, intervals: bool) -> str:
    """The page of one file, with the picture of its rows' intervals or with Pareto figures."""
    tables = [
        *writing.tables_of(one.records),
        *broken_down.tables(one.parts),
        *deployed.tables(one.smaller),
    ]
    shown = (
        part
        for i, table in enumerate(tables)
        for part in (title(table.title, "-"), raw(report(table, f"table-{i}")))
    )
    again = (
        "``python benchmarks/main_job.py``"
        if one.name == "main_job"
        else (f"``dagen benchmark {one.name}``")
    )
    described = f" It is described by ``{one.source}``." if one.source else ""
    return page(
        ":hide-toc:",
        title(one.title),
        plain(one.note),
        *(_intervals(one) if intervals else _figures([one], one.page, one.title)),
        *shown,
        title("Where it comes from", "-"),
        one.missing,
        f"{protocol.provenance(one.records)} Make it again with {again}.{described} The runs are "
        f"the lines of ``benchmarks/{one.file}``.",
    )


def _intervals(one: Results) -> Iterator[str]:
    told = f"Scores of the rows of the benchmark {one.title}, with their intervals over seeds"
    yield f".. image:: {one.page}.png\n   :alt: {told}"


def _figures(results: list[Results], name: str, heading: str) -> Iterator[str]:
    """Pareto figures for each task and pair of data sets, over all networks and benchmarks.

    Args:
        results: the files of results.
        name: start of the figures' names on their page.
        heading: start of their captions.
    """
    groups: dict[tuple[str, str, str], list[Line]] = {}
    for line in lines(results):
        groups.setdefault((line.first.task, line.first.source, line.first.domain), []).append(line)
    for (task, source, domain), rows in sorted(
        groups.items(),
        key=lambda item: item[0][1] == item[0][2],  # adaptation first
    ):
        where = f"{source} to {domain}" if source != domain else domain
        seeds = sorted({record.seed for line in rows for record in line.records})
        came = " Networks that are scored as they come are named so." * any(
            line.reference for line in rows
        )
        caption = (
            f"{heading}: {task}, {where}; {rows[0].headline} on {domain} val, "
            f"{_seeds(seeds)}. {_budget(rows)} The stair joins the rows that no other "
            f"row beats; ceilings, which saw target labels, are grey.{came}"
        )
        figures = "".join(
            f'<div class="chart">{drawn}</div>'
            for axis, cost, unit in (
                ("bytes", lambda line: line.weight("bytes") / 1e6, "MB deployed"),
                ("macs", lambda line: line.weight("macs") / 1e9, "GMAC per image"),
                ("latency", lambda line: line.milliseconds, rows[0].results.latencies.unit),
            )
            if (
                drawn := pareto(
                    f"{name}-{task}-{domain}-{axis}", rows, cost, unit, f"{caption} By {unit}."
                )
            )
        )
        if figures:
            told = f"<figcaption>{escape(caption)}</figcaption>"
            yield raw(f'<figure class="charts">{figures}{told}</figure>')


def _seeds(seeds: list[int]) -> str:
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"mean over the row's seeds, of {', '.join(map(str, seeds))}"


def _budget(rows: list[Line]) -> str:
    """The budget of all, or that the tables tell it."""
    records = {
        f"{line.results.name} {line.first.model} {line.row}": list(line.records)
        for line in rows
        if not line.reference
    }
    told, others = protocol.budgets(records)
    return told if not others else "Budgets differ between rows; the tables tell them."


def _front(results: list[Results]) -> str:
    """What the front page says of results: the rows of the largest real benchmark.

    Those in folders are studies of one question, and no comparison of strategies.
    """
    real = [
        one
        for one in results
        if "/" not in one.name and any(r.domain == "taco" and r.target for r in one.records)
    ]
    if not real:
        return "No results on real images are committed yet.\n"
    chosen = max(real, key=lambda one: len(one.records))
    shown = sorted(lines([chosen]), key=lambda line: (line.first.model, _best_first(line)))
    few = [line for line in shown if line.first.task == shown[0].first.task]
    caption = f"{chosen.title}: {few[0].headline} on TACO val, %"
    html = of_lines("front-results", caption, few, root="", without=("task", "data", "benchmark"))
    return f"```{{raw}} html\n{html}\n```\n"
