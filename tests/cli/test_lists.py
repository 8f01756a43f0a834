from dataclasses import fields
from typing import Any, get_args

import pytest
from typer.testing import CliRunner

from dagen import cli, plugins
from dagen.benchmarking import keys
from dagen.cli.lists import _needs
from dagen.errors import UsageError
from dagen.methods.base import Family
from dagen.runs.keys import EXAMPLE, of_runs
from dagen.runs.recipes import all_recipes


def invoke(*args: str) -> str:
    found = CliRunner().invoke(cli.app, ["list", *args], env={"COLUMNS": "400"})
    assert found.exit_code == 0, found.output
    return found.stdout


def test_every_strategy_shows_paper_family_and_parameters() -> None:
    shown = invoke("methods")
    for name in plugins.names("methods"):
        method = plugins.get("methods", name)
        assert name in shown and method.family in shown and method.paper in shown
        for field in fields(method.Config):
            assert f"{field.name}=" in shown
    assert "Recipes" in shown and all(name in shown for name in all_recipes())


@pytest.mark.parametrize("family", get_args(Family))
def test_one_family_alone(family: str) -> None:
    shown = invoke("methods", "--family", family)
    title, *rows = shown.splitlines()[:-1]  # the last line is about recipes
    wanted = {n for n in plugins.names("methods") if plugins.get("methods", n).family == family}
    assert title == family
    assert {row.split()[0] for row in rows if row[:1].strip()} == wanted


def test_an_unknown_family_names_the_nearest() -> None:
    found = CliRunner().invoke(cli.app, ["list", "methods", "--family", "stile"])
    assert isinstance(found.exception, UsageError) and "mean 'style'" in str(found.exception)


@pytest.mark.parametrize(
    ("name", "needs"),
    [
        ("supervised", ["source", "source labels"]),
        ("advent", ["source", "source labels", "target"]),
        ("minent", ["source", "source labels", "target"]),
        ("dacs", ["source", "source labels", "target", "part mean-teacher"]),
    ],
)
def test_what_a_strategy_needs(name: str, needs: list[str]) -> None:
    assert _needs(name) == needs


def test_source_free_strategies_need_a_checkpoint_and_no_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method: Any = plugins.get("methods", "minent")
    monkeypatch.setattr(method, "family", "source-free")
    monkeypatch.setattr(method, "needs_checkpoint", True)
    assert _needs("minent") == ["target", "checkpoint"]


def test_recipes_show_what_they_stand_for_and_why() -> None:
    shown = invoke("recipes")
    flat = " ".join(shown.split())
    for name, recipe in all_recipes().items():
        assert name in flat and recipe.why.split()[0] in flat
        assert f"method={','.join(recipe.settings['method'])}" in flat


def test_settings_show_every_key_of_runs_and_grids() -> None:
    shown = invoke("settings")
    for key in of_runs():
        assert f"\n{key.name}" in shown and f"{key.kind}, default {key.default}" in shown
    for name in (*keys.FILE, *keys.ROW):
        assert f"\n{name} " in shown
    assert "``" not in shown and "dagen benchmark new NAME" in shown


def test_the_example_of_a_run_can_be_copied_from_a_narrow_terminal() -> None:
    """A comment that the terminal breaks would be no TOML; [[row]] would be taken for markup."""
    found = CliRunner().invoke(cli.app, ["list", "settings"], env={"COLUMNS": "60"})
    assert EXAMPLE in found.stdout and "what a [[row]] may say" in found.stdout


def test_data_sets_show_the_command_that_gets_them_alone() -> None:
    shown = invoke("datasets")
    assert "run `dagen data get taco`" in shown and "--" not in shown
