"""Inputs that are nearly right, and the readers that get them.

Most inputs here are valid ones with a few changes: a key that is gone, a value of another type, a
huge number, a name twice, deep nesting, a flipped bit. Random bytes rarely pass the first check.
"""

import copy
import json
import math
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.errors import DagenError
from tests.faults.ledger import Ledger
from tests.fuzz import FUZZ

SECONDS = 10.0
"""Seconds after which a reader hangs."""
MESSAGE = 2000
"""Most characters of a message."""

T = TypeVar("T")


def _deep(levels: int, around: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = around(value)
    return value


ODD: list[Any] = [
    None, True, False, 0, 1, -1, 2, 7, 255, 256, 65_536, 2**31, 2**63, -(2**63), 10**30, 10**400,
    0.5, -0.0, 1e-320, 1e308, math.nan, math.inf, -math.inf,
    "", " ", "x", "1", "nan", "true", "null", "\x00", "é", "e\u0301", "\ud800", "\u202e",
    "x" * 5000,
    "..", "../x", "/etc/passwd", "a/./b", "a//b", "C:\\x", "a\\b", "~", "%s{}", "a\nb", "9" * 5000,
    [], [[]], [None], [1, 2], ["x"], [math.nan], [1] * 1000, {}, {"a": 1}, {"": {}}, [{}],
    _deep(300, lambda inner: [inner]), _deep(300, lambda inner: {"a": inner}),
]  # fmt: skip
CHANGES = ("drop", "odd", "odd", "odd", "copy", "twice", "rename", "scale", "text", "wrap")


@st.composite
def mutated(draw: Any, document: Any) -> Any:
    """A copy of a document of plain values, changed in up to three places."""
    found = copy.deepcopy(document)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(found))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        change = draw(st.sampled_from(CHANGES))
        if change == "copy":  # the value of another place
            other, its = places[draw(st.integers(0, len(places) - 1))]
            if key in holder if isinstance(holder, dict) else key < len(holder):
                holder[key] = copy.deepcopy(other[its])
        else:
            _change(holder, key, change, draw(st.sampled_from(ODD)))
    return found


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each value as its container and its key there."""
    pending = [document]
    while pending:
        holder = pending.pop()
        if not isinstance(holder, dict | list):
            continue
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            pending.append(holder[key])


def _change(holder: Any, key: Any, change: str, odd: Any) -> None:
    value = holder[key]
    if change == "drop":
        del holder[key]
    elif change == "twice" and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(value))
    elif change == "rename" and isinstance(holder, dict):
        holder[f"{key}x" if not isinstance(odd, str) else odd[:50]] = holder.pop(key)
    elif change == "scale" and isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value * 1000 if value < 1e6 else -value
    elif change == "text":
        holder[key] = str(value)
    elif change == "wrap":
        holder[key] = [value]
    else:
        holder[key] = copy.deepcopy(odd)


@st.composite
def damaged(draw: Any, contents: Sequence[bytes]) -> bytes:
    """One of several files' contents, changed in up to three places."""
    found = bytearray(draw(st.sampled_from(list(contents))))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(found) - 1)))
        length = draw(st.integers(1, 16))
        change = draw(st.sampled_from(("flip", "flip", "cut", "insert", "remove", "repeat", "set")))
        if change == "flip" and found:
            found[at] ^= 1 << (length % 8)
        elif change == "cut":
            del found[at:]
        elif change == "insert":
            found[at:at] = draw(st.binary(min_size=length, max_size=length))
        elif change == "remove":
            del found[at : at + length]
        elif change == "repeat":
            found[at:at] = found[at : at + length]
        else:
            odd = draw(st.sampled_from((0, 0xFF, 0x7F, 0x80)))
            found[at : at + length] = bytes([odd]) * length
    return bytes(found)


def texts(document: Any) -> st.SearchStrategy[bytes]:
    """A JSON file: changed in its values or in its bytes."""
    whole = json.dumps(document).encode()
    changed = mutated(document).map(lambda found: json.dumps(found).encode())
    return st.one_of(changed, changed, damaged([whole, b"\xef\xbb\xbf" + whole]))


def toml(values: dict[str, Any]) -> bytes:
    """Plain values as TOML; ``None`` becomes a word, which is an error there."""
    lines = [f"{_key(name)} = {_inline(value)}" for name, value in values.items()]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def _key(name: object) -> str:
    return json.dumps(str(name), ensure_ascii=True)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else f"{'-' if value < 0 else ''}inf"
    return json.dumps(value)


class Hang(BaseException):
    """A reader took too long; no reader catches this."""


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Raises :class:`Hang` in the block after some seconds."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Hang(f"more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(
    ledger: Ledger, kind: str, inputs: st.SearchStrategy[T], read: Callable[[T], object], count: int
) -> None:
    """Give a reader many inputs; it must return, or raise one of dagen's errors with one line.

    A reader that refuses everything is lost as well: it has not been tested at all.
    """
    tried = accepted = 0

    @settings(FUZZ, max_examples=count, print_blob=False)
    @given(inputs)
    def each(value: T) -> None:
        nonlocal tried, accepted
        tried += 1
        with limited():
            try:
                read(value)
                accepted += 1
            except DagenError as error:
                text = str(error)
                assert "\n" not in text, f"several lines: {text[:500]}"
                assert len(text) <= MESSAGE, f"{len(text)} characters: {text[:500]}"

    loss = None
    try:
        each()
        loss = None if accepted else "no input was accepted"
    except (Exception, Hang) as error:
        loss = "".join(traceback.format_exception(error))[-3000:]
    ledger.add(f"fuzz: {kind}", loss, tried)
