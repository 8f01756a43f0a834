"""Text that is no TOML is one kind of error, and one short line."""

from pathlib import Path

import pytest

from dagen.system.toml import read_toml


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.toml").write_text('name = "Müll"\r\n', encoding=encoding)
    assert read_toml(tmp_path / "a.toml") == {"name": "Müll"}


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 100_000, "a = " + "{b = " * 5_000, "a = " + "9" * 5_000, "a", "a = 1\na"],
)
def test_what_is_not_toml_is_one_short_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(f"a = {text}")
    with pytest.raises(ValueError) as got:
        read_toml(tmp_path / "a.toml")
    assert "\n" not in str(got.value) and len(str(got.value)) < 200
    (tmp_path / "a.toml").write_text('a = "b"', encoding="utf-16")
    with pytest.raises(ValueError, match="can't decode"):
        read_toml(tmp_path / "a.toml")
