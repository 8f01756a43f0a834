"""Checks of the plain values in files of finished runs, before anything is read from them.

Other versions may have written them, so further settings and fields of configurations are allowed;
those that are read by name must be there and of their kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dagen.parameters import complaint
from dagen.runs.selection import Selection


class _Config(BaseModel):
    """A configuration, see :meth:`dagen.runs.config.Config.to_dict`."""

    model_config = ConfigDict(extra="allow", strict=True, protected_namespaces=())

    src: str
    tgt: str | None
    method: list[str] | tuple[str, ...]
    model: str
    task: str
    size: list[int] | tuple[int, int]
    steps: int
    batch: int
    seed: int
    width: float = 1.0
    score: list[str] | tuple[str, ...] = ()
    extra_src: list[str] | tuple[str, ...] = ()
    extra_tgt: list[str] | tuple[str, ...] = ()
    target_labels: int | str = 0
    init: str | None = None
    model_options: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}


_Scores = dict[str, dict[str, float | None]]


class _Stream(BaseModel):
    images: int
    rows: _Scores


class _Baseline(BaseModel):
    run: str
    scores: _Scores


class _Unlabelled(BaseModel):
    images: int
    changed: float | None
    validators: dict[str, dict[str, float]]


class _FalseAlarms(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: str
    images: int
    share: float


class _Compiled(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float
    steps: int
    passes: float
    step: float
    plain: float | None = None


class _Extra(BaseModel):
    stream: _Stream | None = None
    baseline: _Baseline | None = None
    unlabelled: _Unlabelled | None = None
    seen: list[str] = []
    false_alarms: _FalseAlarms | None = None
    compiled: _Compiled | None = None


class _Profile(BaseModel):
    model_config = ConfigDict(extra="allow")

    parameters: float
    macs: float
    flops: float
    bytes: float


class _Classes(BaseModel):
    ids: dict[Annotated[str, Field(pattern=r"^\d{1,3}$")], str]
    background: str | None
    data: dict[str, dict[str, str | None]]


class _Result(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    folder: None = None
    config: _Config
    scores: _Scores
    profile: _Profile
    seconds: float
    weights: str | None = None
    classes: _Classes | None = None
    format: int = 1
    extra: _Extra = _Extra()


_CONFIG: TypeAdapter[Any] = TypeAdapter(_Config)
_RESULT: TypeAdapter[Any] = TypeAdapter(_Result)
_SELECTION: TypeAdapter[Any] = TypeAdapter(Selection)


def check_config(values: object) -> None:
    """Check a stored configuration.

    Raises:
        ValueError: a setting is missing or of another kind; the message names it in a few words.
    """
    _check(_CONFIG, values)


def check_result(values: object) -> None:
    """Check the values of a ``result.json``.

    Raises:
        ValueError: a field is unknown, missing or of another kind; the message names it in a few
            words.
    """
    _check(_RESULT, values)
    assert isinstance(values, Mapping)
    extra = values.get("extra", {})
    if "selection" in extra:
        parts = {"picks": extra.get("validators"), "candidates": extra.get("candidates")}
        own = extra["selection"]
        _check(_SELECTION, {**own, **parts} if isinstance(own, dict) else own)


def _check(adapter: TypeAdapter[Any], values: object) -> None:
    """Compare ``values`` with a type; they are not converted."""
    try:
        adapter.validate_python(values)
    except ValidationError as error:
        raise ValueError(complaint(error.errors()[0])) from None
