"""Shared options: a group becomes single options, and reaches the command whole."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from dagen.cli import app, options
from dagen.cli._grouping import grouped
from dagen.errors import UsageError
from dagen.runs.config import Config
from dagen.runs.runtime import Runtime


@dataclass(frozen=True)
class Paint:
    colour: Annotated[str, typer.Option(help="Any colour.")] = "red"
    coats: Annotated[list[int] | None, typer.Option("--coat", help="Of paint.")] = None
    glossy: Annotated[bool, typer.Option("--glossy", help="Or matt.")] = False


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["wall"], ("wall", Paint(), 1)),
        (
            ["wall", "--coat", "2", "--glossy", "--times", "3", "--coat", "4", "--colour", "blue"],
            ("wall", Paint("blue", [2, 4], glossy=True), 3),
        ),
    ],
)
def test_a_group_reaches_the_command_whole(words: list[str], wanted: tuple[Any, ...]) -> None:
    seen = []

    def paint(*, what: str, paint: Paint, times: int = 1) -> None:
        """Paint it."""
        seen.append((what, paint, times))

    program = typer.Typer()
    program.command()(grouped(paint))
    found = CliRunner().invoke(program, words)
    assert found.exit_code == 0, found.output
    assert seen == [wanted]


def test_the_fields_stand_in_the_place_of_the_group() -> None:
    def paint(*, what: str, paint: Paint, times: int = 1) -> None:
        """Paint it."""

    program = typer.Typer()
    program.command()(grouped(paint))
    command = typer.main.get_command(program)
    assert command.help == "Paint it."
    names = [parameter.name for parameter in command.params]
    assert names[:5] == ["what", "colour", "coats", "glossy", "times"]


def test_runs_are_executed_as_asked() -> None:
    assert options.Execution().runtime() == Runtime()
    asked = options.Execution(
        Path("r"), Path("d"), "cpu", 2, "float32", no_track=True, experiment="e", quiet=True
    )
    assert asked.runtime(fresh=True) == Runtime(
        runs=Path("r"), data_root=Path("d"), device="cpu", workers=2, precision="float32",
        fresh=True, track=False, experiment="e", quiet=True,
    )  # fmt: skip


def test_flags_and_set_are_read_and_the_commands_own_flags_are_among_them() -> None:
    config = options.Settings(lr=0.1, seed=3, set_=["lr=0.1", "power=2"]).load(src="taco")
    assert (config.lr, config.seed, config.power, config.src) == (0.1, 3, 2.0, "taco")
    features = {"method": "features"}
    assert options.Settings().load(usual=features).method == ("features",)
    assert options.Settings(set_=["method=rotation"]).load(usual=features).method == ("rotation",)
    assert options.Settings(compile=True).load().compile
    assert options.Settings(set_=["compile=true"]).load().compile
    with pytest.raises(UsageError, match="unknown setting"):
        options.Settings().load(sorce="taco")
    known = {field.name for field in fields(Config)} | {"config", "set_"}
    for group in (options.Settings, options.Labelled):
        assert {field.name for field in fields(group)} <= known
    assert options.Settings().load(options.Labelled(loss="dice")).loss == "dice"


def test_pretrain_does_not_list_what_it_refuses() -> None:
    program = typer.main.get_command(app)
    of_labels = {field.name for field in fields(options.Labelled)}
    for name, wanted in (("train", of_labels), ("adapt", of_labels), ("pretrain", set())):
        listed = {parameter.name for parameter in program.commands[name].params}  # type: ignore[attr-defined]
        assert listed & {"loss", "candidates", "select"} == wanted, name


def test_the_help_shows_the_defaults_of_a_run() -> None:
    program = typer.main.get_command(app)
    for command in ("train", "adapt"):
        shown = {
            parameter.name: parameter.show_default
            for parameter in program.commands[command].params  # type: ignore[attr-defined]
            if isinstance(getattr(parameter, "show_default", None), str)
        }
        assert {"model", "task", "size", "steps", "batch", "lr", "seed"} <= set(shown)
        read = options.Settings(set_=[f"{name}={text}" for name, text in shown.items()]).load()
        assert read == Config()


def test_a_shared_option_is_the_same_in_every_command() -> None:
    program = typer.main.get_command(app)
    commands = [program.commands[name] for name in ("train", "adapt", "benchmark")]  # type: ignore[attr-defined]
    for field in fields(options.Execution):
        same = {
            (parameter.opts[0], parameter.default, parameter.help)
            for command in commands
            for parameter in command.params
            if parameter.name == field.name
        }
        assert len(same) == 1, field.name
