"""The committed results, whoever made them, as records of :mod:`dagen.benchmarking.tables`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagen.benchmarking
from dagen.benchmarking.broken_down import parts as score_parts
from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.deployed import versions
from dagen.benchmarking.deployed.versions import Version
from dagen.benchmarking.search import choosing
from dagen.benchmarking.search import showing as searched
from dagen.benchmarking.tables.protocol import CEILINGS, SOURCE_ONLY
from dagen.benchmarking.tables.records import Record, read
from dagen.benchmarking.tables.sections import Section, sections
from dagen.benchmarking.tables.statistics import Estimate, estimate
from dagen.errors import DagenError
from dagen.runs import figures
from dagen.types import PRESETS
from sitepages.latency import Latencies
from sitepages.order import in_order

# Settings of `benchmarks/main_job.py`, whose lines are older than Record and lack them.
_MAIN_JOB: dict[str, Any] = {
    "task": "material",
    "source": "resortit",
    "target": "taco",
    "axes": {},
    "run": "",
    "commit": "unknown",
    "torch": "2.15.0",
    "hardware": "2 CPU cores, shared",
}
_MAIN_JOB_CONFIG = {"steps": 200, "batch": 4, "size": [224, 448]}


SCORE = "score is " + " or ".join(
    f"{figures.title(figures.headline(task.name), task.name)} ({task})" for task in PRESETS
)
"""Caption of a column with each task's own figure."""


@dataclass(frozen=True)
class Results:
    """One file of results.

    Attributes:
        name: the file's stem, after its folder if it lies in one, such as ``study/binary``.
        title: title of its benchmark.
        note: note of its benchmark.
        records: records of all runs.
        source: the file that describes the benchmark, if there is one.
        latencies: what ``benchmarks/latency.py`` measured.
        choose: the validator that chose where rows tried values.
        smaller: what was measured of smaller files of the networks.
        parts: what the scores are made of.
        missing: how many of its cells are done; empty if all are.
    """

    name: str
    title: str
    note: str
    records: tuple[Record, ...]
    source: str | None
    latencies: Latencies = field(default_factory=Latencies)
    choose: str = choosing.CHOOSE
    smaller: tuple[Version, ...] = ()
    parts: tuple[Parts, ...] = ()
    missing: str = ""

    @property
    def page(self) -> str:
        """Name of its page; all pages lie in one folder, so that links between them are short."""
        return self.name.replace("/", "-")

    @property
    def file(self) -> str:
        """The file of results, below ``benchmarks``."""
        folder, _, stem = self.name.rpartition("/")
        return "/".join(filter(None, (folder, "results", f"{stem}.jsonl")))

    @property
    def sections(self) -> list[Section]:
        """Its tables."""
        return sections(searched.only_chosen(self.records, self.choose))


def read_all(folder: Path, warn: Callable[[str], object]) -> list[Results]:
    """Every file of results of runs, in ``folder`` and its folders; others are not touched."""
    found = []
    latencies = Latencies.read(folder / "results")
    inside = sorted(folder.glob("*/results/*.jsonl"))
    for path in [*sorted((folder / "results").glob("*.jsonl")), *inside]:
        if path.stem.endswith("-deployed") or score_parts.is_one(path):
            continue  # read with the results that they belong to
        try:
            records = _read(path)
            smaller = versions.read(versions.file_of(path.parent, path.stem))
            broken = score_parts.read(score_parts.file_of(path.parent, path.stem))
        except DagenError as error:
            warn(str(error))
            continue
        if records:
            name = (path.parent.parent.relative_to(folder) / path.stem).as_posix()
            described = _described(folder, name, records)
            kept = searched.lines_of_chosen(smaller, records, described.choose)
            told = replace(described, latencies=latencies, missing=_missing(path))
            parts = searched.lines_of_chosen(broken, records, described.choose)
            found.append(replace(told, smaller=tuple(kept), parts=tuple(parts)))
    return found


def _missing(path: Path) -> str:
    """What the table beside a file of results says of cells that are not done."""
    table = path.with_suffix(".md")
    lines = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    return next((line for line in lines if line.startswith("**Not complete**")), "")


def _read(path: Path) -> list[Record]:
    lines = path.read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0]) if lines else {}
    if not isinstance(first, dict) or not {"row", "model", "scores"} <= first.keys():
        return []  # figures of another kind, such as timings
    if "config" in first:
        return read(path)
    return [_old(json.loads(line)) for line in lines]


def _old(line: dict[str, Any]) -> Record:
    config = {**_MAIN_JOB_CONFIG, "method": [line["row"].replace(SOURCE_ONLY, "supervised")]}
    return Record(**{**_MAIN_JOB, "config": config, **line})


def _described(folder: Path, name: str, records: list[Record]) -> Results:
    shipped = Path(dagen.benchmarking.__file__).parent / f"{name}.toml"
    for path, where in ((folder / f"{name}.toml", "benchmarks"), (shipped, "dagen/benchmarking")):
        if path.is_file():
            values = tomllib.loads(path.read_text(encoding="utf-8"))
            source = f"{where}/{name}.toml"
            title = values.get("title") or name
            note, choose = values.get("note", "").strip(), values.get("choose", choosing.CHOOSE)
            told = searched.told(records, choose)
            note = "\n\n".join(filter(None, (note, told)))
            ordered = tuple(in_order(records, values))
            return Results(name, title, note, ordered, source, choose=choose)
    if name == "main_job":
        title = "First runs on real images"
        return Results(name, title, "", tuple(records), "benchmarks/main_job.py")
    title = name.replace("_", " ").replace("-", " ").capitalize()
    return Results(name, title, "", tuple(records), None)


@dataclass(frozen=True)
class Line:
    """One row of one section, as tables across benchmarks show it."""

    results: Results
    section: Section
    row: str

    @property
    def records(self) -> tuple[Record, ...]:
        """The row's runs, one per seed."""
        return tuple({**self.section.rows, **self.section.references}[self.row])

    @property
    def first(self) -> Record:
        """Any of the records."""
        return self.records[0]

    @property
    def strategies(self) -> tuple[str, ...]:
        """The stacked strategies, without the supervised part that every run has."""
        return tuple(n for n in self.first.config.get("method", ()) if n != "supervised")

    @property
    def reference(self) -> bool:
        """Whether the network was not trained here, but scored as it comes."""
        return self.first.as_it_comes

    @property
    def ceiling(self) -> bool:
        """Whether the row has seen target labels."""
        return self.row in CEILINGS

    @property
    def score(self) -> Estimate:
        """The task's headline figure, a fraction."""
        return estimate(record.score(self.section.headline) for record in self.records)

    @property
    def change(self) -> float | None:
        """Points above source-only, as a fraction; None without such a row."""
        if self.reference or SOURCE_ONLY not in self.section.rows or self.row == SOURCE_ONLY:
            return None
        return self.score.mean - self.section.headline_of(SOURCE_ONLY).mean

    @property
    def headline(self) -> str:
        """The figure's name in words."""
        return self.section.headline_title

    @property
    def milliseconds(self) -> float:
        """Latency of the network at the row's input size, NaN if it was not measured."""
        return self.results.latencies.of(self.first)

    def weight(self, figure: str) -> float:
        """Mean of a figure of the deployed file, NaN if it was not measured."""
        return estimate(r.profile.get(figure) for r in self.records).mean


def lines(results: list[Results]) -> Iterator[Line]:
    """Every row of every section of every file; references once for each pair of data sets."""
    seen = set()
    for one in results:
        for section in one.sections:
            for row in section.rows:
                yield Line(one, section, row)
            for row, (record, *_) in section.references.items():
                key = (row, record.task, record.source, record.target)
                if key not in seen:
                    seen.add(key)
                    yield Line(one, section, row)
