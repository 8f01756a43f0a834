"""Runs in words, and the command that makes them again."""

import shlex
from typing import Any

import pytest

from dagen.runs import describe
from dagen.runs.config import from_mapping
from dagen.runs.reading import load


def stored(**settings: Any) -> dict[str, Any]:
    return from_mapping({"src": "resortit", "method": "advent", **settings}).to_dict()


@pytest.mark.parametrize(
    ("settings", "title"),
    [
        ({"tgt": "taco"}, "advent"),
        ({"tgt": "taco", "method": "fda,advent"}, "fda+advent"),
        ({"tgt": "taco", "target_labels": 10}, "advent with 10 target labels"),
        ({"tgt": "taco", "method": "supervised", "target_labels": "all"}, "oracle+source"),
        ({"method": "supervised"}, "source-only"),
        ({"method": "supervised", "score": ["taco"]}, "source-only"),
        ({"method": "photometric"}, "photometric"),
        ({"src": "taco", "method": "supervised", "score": ["taco"]}, "oracle"),
        ({"src": "taco", "method": "swa", "score": ["taco"]}, "oracle (swa)"),
    ],
)
def test_what_a_run_is_called(settings: dict[str, Any], title: str) -> None:
    assert describe.title(stored(**settings)) == title


def test_titles_of_runs_of_one_method_name_the_settings_that_differ() -> None:
    def titles(*given: dict[str, Any]) -> list[str]:
        configs = [stored(**settings) for settings in given]
        return describe.told_apart([describe.title(config) for config in configs], configs)

    assert titles({"tgt": "taco"}, {"method": "supervised"}) == ["advent", "source-only"]
    assert titles({"model": "enet"}, {"model": "icnet"}, {"method": "dann"}) == [
        "advent, enet", "advent, icnet", "dann"
    ]  # fmt: skip
    assert titles({"seed": 1, "steps": 5}, {"seed": 1, "steps": 9}, {"seed": 2, "steps": 5}) == [
        "advent, steps 5, seed 1", "advent, steps 9", "advent, steps 5, seed 2"
    ]  # fmt: skip
    assert titles({"parts": {"advent": {"weight": 0.5}}}, {"power": 1.0}) == [
        "advent, advent.weight 0.5", "advent, advent.weight none"
    ]  # fmt: skip
    assert titles({}, {}) == ["advent (1)", "advent (2)"]


def test_the_target_comes_first_whatever_it_is() -> None:
    adapted = stored(tgt="taco", score=["belt"])
    assert describe.by_role(adapted, ["resortit", "taco", "belt"]) == [
        ("taco", "target"), ("resortit", "source"), ("belt", "also scored")
    ]  # fmt: skip
    oracle = stored(src="taco", method="supervised", score=["taco", "belt"])
    assert describe.by_role(oracle, ["taco", "belt"]) == [
        ("taco", "target"), ("belt", "also scored")
    ]  # fmt: skip
    assert describe.roles(stored(method="supervised")) == {"resortit": "source"}


def test_names_begin_with_what_tells_runs_apart() -> None:
    run = from_mapping({"tgt": "taco", "method": "advent", "width": 0.5, "seed": 3})
    name = describe.run_name(run.to_dict(), run.name)
    assert name.startswith("advent enet x0.5 material s3, resortit to taco, ")
    assert name.endswith(run.name[-8:])
    other = from_mapping({"tgt": "taco", "method": "advent", "width": 0.5, "seed": 3, "lr": 0.1})
    assert describe.run_name(other.to_dict(), other.name) != name


@pytest.mark.parametrize(
    "settings",
    [
        {"method": "supervised"},
        {"tgt": "taco"},
        {"tgt": "taco", "method": "fda,advent", "parts": {"advent": {"weight": 0.01}}},
        {"tgt": "taco", "score": ["taco-synth"], "width": 0.25, "size": [32, 64], "lr": 1e-4},
        {"src": "taco", "method": "supervised", "score": ["taco", "resortit"]},
        {"tgt": "taco", "init": "run:some run", "candidates": 3, "select": "snd"},
        {"tgt": "taco", "target_labels": "all", "rare_class_sampling": 0.01},
        {"tgt": "taco", "model_options": {"ibn": True, "name": "o'clock"}},
    ],
)
def test_the_command_makes_the_same_run_again(settings: dict[str, Any]) -> None:
    config = from_mapping({"src": "resortit", "method": "advent", **settings})
    words = shlex.split(describe.command(config.to_dict()))
    assert words[:2] == ["dagen", "adapt" if config.tgt else "train"]
    pairs = list(zip(words[2::2], words[3::2], strict=True))
    flags = {name.removeprefix("--"): value for name, value in pairs if name != "--set"}
    for name in ("steps", "batch", "seed"):
        flags[name] = int(flags[name])  # type: ignore[assignment]
    again = load(None, [value for name, value in pairs if name == "--set"], flags)
    assert again == config and again.name == config.name


def test_the_command_leaves_defaults_out() -> None:
    assert describe.command(stored(tgt="taco", steps=7)) == (
        "dagen adapt --src resortit --tgt taco --method advent --model enet --task material "
        "--size 224x448 --steps 7 --batch 4 --seed 0"
    )


def test_the_budget() -> None:
    assert describe.budget(stored()) == "200 steps of batch 4 at 224x448"
    told = describe.budget(stored(tgt="taco", init="a.safetensors"), images=70)
    assert told == (
        "one pass over the 70 images that are scored, batch 4 at 224x448, from a trained network"
    )


def test_a_run_in_brief() -> None:
    assert describe.in_brief(stored(tgt="taco", steps=7)) == (
        "enet, material, resortit to taco, 7 steps of batch 4 at 224x448, seed 0"
    )


def test_settings_of_old_runs_have_todays_defaults() -> None:
    old = stored(tgt="taco", parts={"advent": {"weight": 0.5}})
    old.pop("candidates", None)
    known = describe.settings(old)
    assert known["advent.weight"] == 0.5 and known["select"] == "last" and "parts" not in known
    assert [describe.text(known[name]) for name in ("size", "method", "init", "score")] == [
        "224x448", "advent", "none", "none",
    ]  # fmt: skip
