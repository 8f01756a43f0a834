"""Functions for teachers: look at their maps of a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.errors import UsageError

if TYPE_CHECKING:
    from dagen.scoring.map_report import Look

_LISTED = 20
"""Doubtful photographs that are printed; all are in the CSV file."""


@dataclass(frozen=True)
class Report:
    """What :func:`show` found.

    Attributes:
        looks: one for each photograph, in the data set's order.
        files: the table and the sheets that were written.
    """

    looks: Sequence[Look]
    files: Sequence[Path]

    @property
    def doubted(self) -> list[Look]:
        """The photographs on which a teacher is likely wrong, the most doubtful first."""
        return sorted((x for x in self.looks if x.doubt), key=lambda x: x.order)

    def lines(self) -> Iterator[str]:
        """The report in words."""
        count = len(self.looks)
        for name in self.looks[0].coverage:
            share = sum(x.coverage[name] for x in self.looks) / count
            yield f"{name} covers {100 * share:.1f} % of the pixels of {count} photographs."
        agreed = [x.agreement for x in self.looks if x.agreement is not None]
        if agreed:
            mean = 100 * sum(agreed) / len(agreed)
            yield f"Agreement is {mean:.0f} % on average (IoU of what is above one half)."
        else:
            yield "A folder of maps has no second answer to agree with: name another teacher, too."
        doubted = self.doubted
        yield f"{len(doubted)} of {count} photographs are doubtful" + (":" if doubted else ".")
        for one in doubted[:_LISTED]:
            agreement = one.agreement
            told = "" if agreement is None else f" (agreement {100 * agreement:.0f} %)"
            yield f"  {one.name}: {one.doubt}{told}"
        if len(doubted) > _LISTED:
            yield f"  and {len(doubted) - _LISTED} more"
        yield f"See {self.files[0]} and {len(self.files) - 1} sheet(s) beside it."


def show(
    data: str,
    maps: Sequence[str],
    *,
    split: str = "train",
    task: str = "binary",
    src: str | None = None,
    words: Mapping[str, Sequence[str]] | None = None,
    out: Path | str = "maps",
    runs: Path | str = "runs",
    data_root: Path | str | None = None,
    quiet: bool = True,
) -> Report:
    """Draw teachers' maps of a data set's photographs, and flag doubtful ones; opens no label.

    Args:
        data: the data set.
        maps: teachers, as in ``teacher.maps``.
        split: split of the data set.
        task: task of a teacher that is a network of dagen, or whose regions are named.
        src: data set from whose labels names are learnt, for teachers after ``named:``.
        words: categories of ImageNet for classes, for the same teachers (``teacher.words``).
        out: folder of the sheets and of ``maps.csv``; made if missing.
        runs: folder of all runs, for a teacher that is a run.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        quiet: no progress display.

    Raises:
        UsageError: no teacher, names without ``src``, words without names, or an unknown teacher,
            data set, split, task, class or category.
        DagenError: a teacher or a photograph is missing or damaged, or a file cannot be written.
    """
    from dagen.datasets.loading.cache import cached
    from dagen.datasets.loading.opening import open_dataset, require_images
    from dagen.scoring import map_sheets
    from dagen.scoring.map_report import look
    from dagen.scoring.naming.named import Domains
    from dagen.scoring.teachers import open_teacher
    from dagen.system.progress import Progress
    from dagen.types import NAMED, WORDS, Task

    if not maps:
        raise UsageError("name at least one teacher, such as u2netp (--maps u2netp).")
    kind = Task.named(task)
    root = None if data_root is None else Path(data_root)
    domains = None
    if src is None and any(NAMED in name for name in maps):
        raise UsageError("named: learns names from a data set with labels; give it with --src.")
    if src is not None:
        both = (open_dataset(name, "train", kind, root) for name in (src, data))
        domains = Domains(*([each] for each in both))
    if words and not any(NAMED in name for name in maps):
        raise UsageError(f"words help to name regions; write {NAMED} before a teacher.")
    teachers = {
        name: open_teacher(name, kind, Path(runs), {WORDS: words} if NAMED in name else {}, domains)
        for name in maps
    }
    for teacher in teachers.values():
        teacher.ready()
    whole = open_dataset(data, split, kind, root)
    require_images(whole, data)
    dataset = cached(whole, _SIZE)
    with Progress(quiet=quiet) as progress:
        bar = progress.task(f"maps of {data} {split}", len(dataset))
        looks = look(dataset, teachers, bar.advance)
        bar = progress.task("drawing", len(dataset))
        files = map_sheets.write(dataset, teachers, looks, Path(out), bar.advance)
    return Report(looks, files)


_SIZE = (256, 256)
"""Photographs are looked at on a copy that covers this many pixels."""
