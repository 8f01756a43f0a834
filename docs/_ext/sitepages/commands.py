"""The reference of the command line, from the program itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import typer

from dagen.cli import app
from sitepages.writing import Site, page, plain, rows, title


def write(site: Site) -> None:
    """Write the page."""
    program = typer.main.get_command(app)
    site.write(
        "reference/commands.rst",
        page(
            ".. _commands:",
            title("Command line"),
            ".. rst-class:: lead\n\nEvery command, as ``dagen COMMAND --help`` prints it.",
            "Exit codes: 0 fine, 2 wrong usage or configuration, 1 everything else. An error is "
            "one line that says what was given, what is allowed and what to do; "
            "``dagen --debug COMMAND`` shows where it came from.",
            *(part for words, command in _walk(program, ()) for part in _command(words, command)),
        ),
    )


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    children = getattr(command, "commands", {})
    if not children:
        yield words, command
    for name, child in children.items():
        yield from _walk(child, (*words, name))


def _command(words: tuple[str, ...], command: Any) -> Iterator[str]:
    name = " ".join(("dagen", *words))
    given = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    places = " ".join(_place(p) for p in given)
    yield f".. _command-{'-'.join(words)}:"
    yield title(name, "-")
    yield plain(inspect.cleandoc(command.help or ""))
    yield f".. code-block:: console\n\n   $ {name} {places}{' ' if places else ''}[OPTIONS]"
    if given:
        yield rows(
            ("argument", "what it is"),
            [(f"``{_place(p)}``", plain(p.help or "")) for p in given],
            "30 70",
        )
    if options:
        yield rows(
            ("option", "default", "what it is"),
            [
                (", ".join(f"``{o}``" for o in p.opts), _default(p), plain(p.help or ""))
                for p in options
            ],
            "25 15 60",
        )


def _place(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    name = name if parameter.required else f"[{name.strip('[]')}]"
    return f"{name}..." if parameter.nargs == -1 and not name.endswith("...") else name


def _default(parameter: Any) -> str:
    if isinstance(written := getattr(parameter, "show_default", None), str):
        return f"``{written}``"
    value = parameter.default
    if value is None or value is False or value == () or callable(value):
        return "–"
    return f"``{value}``"
