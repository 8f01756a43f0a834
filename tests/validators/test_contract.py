"""What every validator promises, checked on all that ``plugins`` finds."""

import ast
import importlib
import math
import re
from pathlib import Path

import pytest
import torch

from dagen import plugins
from dagen.types import Task
from dagen.validators.base import Evidence, Probes, Validator
from tests.validators.painters import Painter, bright, constant, evidence, litter

NAMES = plugins.names("validators")


def values(name: str, *seen: Evidence) -> list[float]:
    validator: Validator = plugins.get("validators", name)()
    return validator.compare([validator.look(one) for one in seen])


def test_all_that_were_promised_are_there() -> None:
    promised = {"source-val", "entropy", "infomax", "snd", "mixval", "dev", "consistency"}
    assert promised <= set(NAMES)
    assert not {"last", "oracle"} & set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_paper_and_description(name: str) -> None:
    validator = plugins.get("validators", name)
    text = importlib.import_module(validator.__module__).__doc__ or ""
    author = re.search(r"([\w'-]+)(?: et al\.| &|,)", validator.paper)
    assert author and author[1] in text
    assert re.search(r"\b20\d\d\b", validator.paper)
    assert len(plugins.summary("validators", name)) <= 100
    assert validator.domains and validator.domains <= {"source", "target"}


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_finite_and_the_same_each_time(name: str) -> None:
    def once() -> list[float]:
        torch.manual_seed(len(found))  # what others have drawn is no matter
        blurred = evidence(lambda image: bright(image) / 4)
        return values(name, evidence(), blurred)

    found: list[list[float]] = []
    for _ in range(2):
        found.append(once())
    assert found[0] == found[1]
    assert all(math.isfinite(value) for value in found[0])


@pytest.mark.parametrize("name", NAMES)
def test_only_the_named_domains_are_looked_at(name: str) -> None:
    both = evidence().probes
    domains = plugins.get("validators", name).domains
    probes = Probes(
        Task.BINARY,
        both.target if "target" in domains else None,
        both.source if "source" in domains else None,
    )
    assert probes.domains == domains
    assert values(name, Evidence(Painter(bright), probes)) == values(name, evidence())


@pytest.mark.parametrize("name", ["infomax", "snd", "mixval", "consistency", "combined"])
@pytest.mark.parametrize("logits", [(9.0, -9.0), (-9.0, 9.0), (0.1, 0.0)])
def test_a_collapsed_checkpoint_is_not_picked(name: str, logits: tuple[float, float]) -> None:
    good, collapsed = values(name, evidence(), evidence(constant(*logits)))
    assert good > collapsed


def test_the_ensemble_does_not_pick_the_one_that_collapsed() -> None:
    others = evidence(), evidence(lambda image: bright(image) / 3)
    for logits in ((9.0, -9.0), (-9.0, 9.0)):
        good, softer, collapsed = values("ensemble", *others, evidence(constant(*logits)))
        assert min(good, softer) > collapsed


def test_entropy_alone_picks_the_collapsed_one() -> None:
    good, collapsed = values("entropy", evidence(), evidence(constant(9.0, -9.0)))
    assert collapsed > good


def test_material_classes_that_are_given_up_cost_something() -> None:
    def paint(classes: int):  # type: ignore[no-untyped-def]
        def answer(image: torch.Tensor) -> torch.Tensor:
            columns = torch.arange(image.shape[-1]) // 4 % classes
            ids = torch.where(image.mean(1) > 0.5, columns, 0)
            return 9 * torch.nn.functional.one_hot(ids, 5).movedim(-1, 1).float()

        return answer

    for name in ("infomax", "snd", "mixval", "consistency"):
        all_five, two = (evidence(paint(n), task=Task.MATERIAL) for n in (5, 2))
        first, second = values(name, all_five, two)
        if name != "consistency":  # stripes by column do not survive mirroring
            assert first > second, name


def test_nothing_is_forwarded_twice() -> None:
    seen = evidence()
    for name in NAMES:
        plugins.get("validators", name)().look(seen)
    # Target, two views and a mix of it, and the source: five times the six pictures.
    assert seen.forwards == 5 * 6
    assert isinstance(seen._network, Painter) and seen._network.seen == 5 * 6


def test_big_batches_are_split() -> None:
    image, _ = litter(19)
    seen = Evidence(Painter(bright), Probes(Task.BINARY, image, None))
    whole = bright(image).softmax(1)
    assert torch.allclose(seen.target.probability, whole, atol=1e-6)
    assert seen.forwards == 19


def test_validators_know_neither_labels_files_nor_runs() -> None:
    forbidden = {"datasets", "config", "data", "experiment", "loaders", "cli", "tracking", "stack"}
    for path in sorted(Path(str(plugins.__file__)).parent.glob("validators/*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        froms = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        rooms = {m.split(".")[1] for m in froms if m.startswith("dagen.")}
        assert not rooms & forbidden, path.name
        tops = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        assert "sklearn" not in ast.dump(ast.Module(list(tops), []))
