"""The keywords of a run are the fields of its configuration."""

from dataclasses import fields
from typing import get_type_hints

from dagen.api.settings import Settings
from dagen.runs.config import Config

WIDER = {
    "extra_src", "extra_tgt", "tgt_weights", "method", "score", "size", "init", "loss", "augment",
}  # fmt: skip
"""Fields that may be written in more forms than they are kept in."""


def test_they_have_the_same_names_in_the_same_order() -> None:
    assert list(Settings.__annotations__) == [f.name for f in fields(Config) if f.name != "recipe"]


def test_they_have_the_same_types() -> None:
    kept, written = get_type_hints(Config), get_type_hints(Settings)
    assert {name for name in written if written[name] != kept[name]} == WIDER
