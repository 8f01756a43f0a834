import re

import pytest

from dagen import plugins
from dagen.errors import UsageError
from dagen.runs import recipes
from dagen.runs.config import Config, from_mapping
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from dagen.runs.recipes import Recipe, all_recipes, expand

MADE_UP = {
    "quick": Recipe(
        "one",
        "because",
        {"method": ["minent"], "lr": 0.01},
        {"icnet": {"lr": 0.02, "steps": 7}, "enet": {"steps": 9}},
    ),
    "strong": Recipe(
        "two",
        "because",
        {
            "method": ["photometric", "advent"],
            "batch_norm": "shared",
            "parts": {"advent": {"weight": 0.5, "spectral_norm": True}},
        },
    ),
}


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "all_recipes", lambda: MADE_UP)


@pytest.mark.parametrize("model", ["enet", "bisenet", "icnet"])
@pytest.mark.parametrize("name", all_recipes())
def test_every_recipe_can_run_and_says_why(name: str, model: str) -> None:
    recipe = all_recipes()[name]
    config = from_mapping({"method": name, "tgt": "taco", "model": model})
    plan_run(config)
    assert set(recipe.networks) <= set(plugins.names("models"))
    assert not any({"method", "parts", "model"} & own.keys() for own in recipe.networks.values())
    assert config.method == tuple(recipe.settings["method"]) and config.recipe == name
    assert len(recipe.why) > 100 and len(recipe.description) <= 80
    assert re.fullmatch("[a-z-]+", name) and name not in plugins.names("methods")


def test_the_recipe_for_generalization_needs_no_target() -> None:
    plan_run(from_mapping({"method": "generalize"}))


def test_what_is_given_wins(made_up: None) -> None:
    config = load(
        sets=["advent.weight=0.1", "lr=0.3"], flags={"method": "strong", "batch_norm": "source"}
    )
    assert config.method == ("photometric", "advent")
    assert (config.batch_norm, config.lr) == ("source", 0.3)
    assert config.parts == {"advent": {"weight": 0.1, "spectral_norm": True}}
    assert load(flags={"method": "strong"}).batch_norm == "shared"


def test_a_network_may_have_settings_of_its_own(made_up: None) -> None:
    def settings(**flags: object) -> tuple[float, int]:
        config = load(flags={"method": "quick", **flags})
        return config.lr, config.steps

    assert settings() == (0.01, 9)  # the default network's
    assert settings(model="icnet") == (0.02, 7)
    assert settings(model="icnet", steps=5) == (0.02, 5)
    assert settings(model="bisenet") == (0.01, Config.steps)


def test_strategies_stand_beside_a_recipe(made_up: None) -> None:
    config = load(sets=["mic.weight=0.2"], flags={"method": "adabn,strong,mic"})
    assert config.method == ("adabn", "photometric", "advent", "mic")
    assert set(config.parts) == {"advent", "mic"}


def test_a_parameter_of_a_recipes_only_strategy(made_up: None) -> None:
    config = load(sets=["method.weight=0.2"], flags={"method": "quick"})
    assert config.parts == {"minent": {"weight": 0.2}} and config.lr == 0.01
    with pytest.raises(UsageError, match="exactly one method"):
        load(sets=["method.weight=0.2"], flags={"method": "strong"})


def test_two_recipes_are_refused(made_up: None) -> None:
    with pytest.raises(UsageError, match="quick and strong are recipes; name only one"):
        from_mapping({"method": "quick,strong"})


def test_the_name_decides_nothing(made_up: None) -> None:
    named = from_mapping({"method": "quick"})
    written = from_mapping({"method": "minent", "lr": 0.01, "steps": 9})
    assert named == written and named.name == written.name
    assert (named.recipe, written.recipe) == ("quick", None)
    assert "recipe" not in named.to_dict() and "quick" not in named.to_json()
    assert named.source_only().recipe is None
    with pytest.raises(UsageError, match="unknown setting 'recipe'"):
        from_mapping({"recipe": "quick"})


def test_unknown_names_get_the_nearest_of_both_kinds() -> None:
    for given, nearest in (("generalise", "generalize"), ("advnet", "advent")):
        with pytest.raises(UsageError, match=f"method or recipe '{given}'.*mean '{nearest}'"):
            plan_run(from_mapping({"method": given, "tgt": "taco"}))


def test_without_a_recipe_nothing_changes() -> None:
    values = {"method": ["minent"], "parts": {"minent": {"weight": 1.0}}}
    assert expand(values, "enet") == (values, None) and expand({}, "enet") == ({}, None)
    assert Config().recipe is None
