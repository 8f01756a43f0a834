"""The lines of a first ``dagen.toml`` about classes, from a look at the masks."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from dagen.datasets.own import tool_names
from dagen.datasets.own.layout import counted
from dagen.datasets.own.looking import by_colour, look
from dagen.datasets.reading.class_names import BACKGROUND
from dagen.datasets.reading.colour_masks import written

_LOOKED_AT = 200
_GUESS = "# A guess: the names class-.... Classes of source and target meet by name, so write yours"


def class_lines(root: Path, files: list[str]) -> list[str]:
    """What the masks hold, and the key ``ids`` or ``colours``.

    Names that a tool wrote beside the masks are taken. The others are guessed: ``class-128`` for
    the id 128, ``class-ff0000`` for a colour, so that a name means one id or colour everywhere.

    Args:
        root: the data set's folder.
        files: the masks, as paths below it.
    """
    chosen = files[:: max(1, len(files) // _LOOKED_AT)]
    masks = [mask for name in chosen if (mask := look(root / name)) is not None]
    coloured = by_colour(masks)
    seen: Counter[int] = Counter()
    for mask in masks:
        seen += mask.colours if coloured else mask.ids
    total = sum(seen.values())
    shares = {value: f"{100 * count / total:.2f} %" for value, count in seen.items()}
    kind = "Colours" if coloured else "Ids"
    lines = [f"# {kind} found in {counted(len(masks), 'mask')}, with their share of the pixels:"]
    try:
        names, source = (tool_names.of_colours if coloured else tool_names.of_ids)(root)
    except tool_names.Differ as error:
        names, source = {}, ""
        lines.append(f"# {error}")
    more = _by_colour(seen, shares, names) if coloured else _by_id(seen, shares, names)
    if source:
        lines.insert(0, f"# The names of classes are from {source}.")
    lines += more
    if unseen := [name for value, name in names.items() if value not in seen]:
        lines.append("# A guess: a class that no mask shows cannot be learnt and is left out.")
        lines.append(f"ignore = {json.dumps(unseen, ensure_ascii=False)}")
    return lines


def _by_id(
    seen: Counter[int], shares: Mapping[int, str], names: Mapping[int, str]
) -> Iterable[str]:
    yield from (f"#   {value}: {shares[value]}" for value in sorted(seen))
    named = {
        value: names.get(value, BACKGROUND if value == 0 else f"class-{value}")
        for value in sorted({*seen, *names})
    }
    few = [value for value in seen if value not in (0, 255)]
    if 255 in seen and 255 not in names and few and max(few) < 128:
        del named[255]
        yield "# A guess: 255 is ignored. If it is a class, add it to ids."
    if any(value not in names and value for value in named):
        yield f"{_GUESS}."
    ids = ", ".join(f'"{value}" = {_quoted(name)}' for value, name in named.items())
    yield f"ids = {{{ids}}}"


def _by_colour(
    seen: Counter[int], shares: Mapping[int, str], names: Mapping[int, str]
) -> Iterable[str]:
    ordered = [colour for colour, _ in seen.most_common()]
    yield from (f"#   {written(colour)}: {shares[colour]}" for colour in ordered)
    named: dict[str, int] = {}
    for colour, name in names.items():  # in the tool's order; of two colours the first
        named.setdefault(name, colour)
    unnamed = [colour for colour in ordered if colour not in names]
    if BACKGROUND not in named and unnamed:
        ground = 0 if 0 in unnamed else None if named else unnamed[0]
        if ground is not None:
            named = {BACKGROUND: ground, **named}
            unnamed.remove(ground)
    if unnamed:
        yield f"{_GUESS};"
        yield "# call a colour of pixels that do not count ignore."
    named |= {f"class-{colour:06x}": colour for colour in unnamed}
    colours = ", ".join(f'{_key(name)} = "{written(colour)}"' for name, colour in named.items())
    yield f"colours = {{{colours}}}"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _key(name: str) -> str:
    return name if re.fullmatch("[A-Za-z0-9_-]+", name) else _quoted(name)
