from pathlib import Path

import pytest
import torch

from dagen import plugins
from dagen.batch_norm import BatchNormPolicy, layers
from dagen.errors import DagenError
from dagen.models.base import create_network
from dagen.models.deployed.card import Card
from dagen.types import Task
from dagen.validators.choice.candidates import Candidates
from tests.toy import ToyNetwork, batch, setting, stacked

CARD = Card("enet", "binary", (32, 64), 0.25)
TRAINING = [n for n in plugins.names("methods") if not plugins.get("methods", n).online]


def test_a_candidate_comes_back_as_it_was(tmp_path: Path) -> None:
    network = create_network("enet", Task.BINARY, 0.25, {}).eval()
    kept = Candidates(tmp_path, (3, 6))
    policy = BatchNormPolicy(network, "target")
    kept.save(3, network, CARD, policy)
    image = torch.rand(1, 3, 32, 64)
    assert torch.equal(kept.load(3)(image).logits, network(image).logits)
    assert [path.name for path in kept.folder.iterdir()] == ["00000003.safetensors"]
    with pytest.raises(DagenError, match=r"00000006.*missing.*--fresh") as error:
        kept.load(6)
    assert "\n" not in str(error.value)
    kept.path(3).write_bytes(kept.path(3).read_bytes()[:-100])
    with pytest.raises(DagenError, match="00000003") as error:
        kept.load(3)
    assert "\n" not in str(error.value)


def test_separate_statistics_of_the_source_are_those_of_their_step(tmp_path: Path) -> None:
    network = create_network("enet", Task.BINARY, 0.25, {})
    policy = BatchNormPolicy(network, "separate")
    policy.target_seen.fill_(True)
    kept = Candidates(tmp_path, (1, 2))
    for step in kept.steps:
        for statistics in policy.source_statistics:
            statistics.running_mean.fill_(step)  # type: ignore[operator]
        kept.save(step, network, CARD, policy)
    for step in (1, 2, 1):
        kept.restore(step, policy)
        shipped = kept.load(step)
        with policy.swapped("source", shipped):
            assert {float(layer.running_mean[0]) for layer in layers(shipped)} == {float(step)}  # type: ignore[index]
        assert float(layers(shipped)[0].running_mean[0]) == 0  # type: ignore[index]
    beside = next(kept.folder.glob("00000001.b*"))
    beside.write_bytes(beside.read_bytes()[:-10])
    with pytest.raises(DagenError, match="damaged") as error:
        kept.restore(1, policy)
    assert "\n" not in str(error.value)
    beside.unlink()
    with pytest.raises(DagenError, match="missing"):
        kept.restore(1, policy)


@pytest.mark.parametrize("name", TRAINING)
def test_asking_for_the_predictor_changes_nothing_that_trains(name: str) -> None:
    task = Task.BINARY
    stack = stacked(ToyNetwork(task.num_classes), [name], {}, setting(task), "target").train()
    stack.after_step(0)
    before = {key: value.clone() for key, value in stack.state_dict().items()}
    modes = [module.training for module in stack.modules()]
    target = batch(task).target
    assert target is not None
    stack.predictor(lambda: iter(target.image.split(1)))
    after = stack.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[k], after[k]) for k in before)
    assert [module.training for module in stack.modules()] == modes
