"""The list of settings is what a configuration takes."""

from dataclasses import fields
from pathlib import Path

from dagen.runs import keys
from dagen.runs.config import Config
from dagen.runs.reading import load


def test_every_setting_has_a_kind_and_a_meaning() -> None:
    found = keys.of_runs()
    assert [key.name for key in found] == [f.name for f in fields(Config) if f.name != "recipe"]
    for key in found:
        assert key.text and "_" not in key.kind and "Annotated" not in key.kind, key
    by_name = {key.name: key for key in found}
    assert by_name["target_labels"].kind == "int | Literal['all']"
    assert by_name["augment"].kind == "str | list" and by_name["loss"].kind == "str"
    assert by_name["size"].kind == "tuple[int, int]" and by_name["lr"].default == "0.002"


def test_the_example_is_a_file_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(keys.EXAMPLE)
    config = load(tmp_path / "run.toml")
    assert config.model_options == {"dropout": 0.05} and config.parts == {
        "advent": {"weight": 0.01}
    }
