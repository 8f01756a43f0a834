"""Names by ImageNet's categories: what is refused, what is summed, and what the network is."""

import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from dagen.errors import UsageError
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.scoring.naming import words as module
from dagen.scoring.naming.words import WEIGHT, ImageNetClassifier, Words, categories, joined
from dagen.types import Image, Pixels, Task

WORDS = {"bottle": ("water bottle", "pop bottle"), "nylon": ("plastic bag",)}
NEEDS_WEIGHTS = pytest.mark.skipif(
    EFFICIENTNET_LITE0.find() is None, reason="the ImageNet weights are not installed"
)


class Toy(torch.nn.Module):
    """Logits that depend on the mean brightness: brighter pictures are bottles of water."""

    def forward(self, image: Tensor) -> Tensor:
        out = torch.zeros(len(image), 1000)
        out[:, categories().index("water bottle")] = 10 * image.mean((1, 2, 3))
        out[:, categories().index("pop bottle")] = 1.0
        return out


def pictures(count: int = 3) -> list[tuple[Image, Pixels]]:
    mask = np.full((32, 32), 255, np.uint8)
    return [(np.full((32, 32, 3), 12 * k, np.uint8), mask) for k in range(count)]


def test_a_class_has_the_log_of_the_summed_probability_of_its_categories(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ImageNetClassifier", Toy)
    found = Words(WORDS, Task.MATERIAL)(pictures(20))  # more than a batch
    assert found.shape == (20, 4) and Words(WORDS, Task.MATERIAL)([]).shape == (0, 4)
    names = Task.MATERIAL.classes[1:]
    for k in range(20):
        water, pop = np.exp(10 * 12 * k / 255), np.exp(1.0)
        total = water + pop + 998
        assert found[k, names.index("bottle")] == pytest.approx(
            np.log((water + pop) / total), rel=1e-4
        )
        assert found[k, names.index("nylon")] == pytest.approx(np.log(1 / total), rel=1e-4)
        assert found[k, names.index("paper")] == 0  # no words, so no say


def test_experts_are_multiplied_and_what_is_usual_says_nothing() -> None:
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.9, 0.0]])
    scores = np.log([[0.1, 0.4, 1.0], [0.4, 0.1, 1.0]])
    usual = np.log([0.2, 0.2, 1.0])
    want = p * np.array([[0.5, 2.0, 1.0], [2.0, 0.5, 1.0]]) ** WEIGHT
    assert np.allclose(joined(p, scores, usual), want / want.sum(1, keepdims=True))
    assert np.allclose(joined(p, np.tile(usual, (2, 1)), usual), p)
    assert joined(p, scores, usual)[1, 2] == 0  # the source has no such class


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"glass": ["wine bottle"]}, r"unknown class of teacher.words 'glass'"),
        ({"background": ["sand"]}, r"unknown class of teacher.words"),
        ({"bottle": ["water botle"]}, r"teacher.words.bottle 'water botle'; did you mean"),
        ({"bottle": []}, r"teacher.words.bottle is \[\]; it is a list"),
        ({"bottle": "wine bottle"}, r"is 'wine bottle'; it is a list"),
        ({"bottle": ["carton"], "paper": ["carton"]}, r"'carton' for bottle and for paper"),
    ],
)
def test_wrong_words_are_one_line(words: dict[str, list[str]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Words(words, Task.MATERIAL)


def test_the_digest_tells_words_apart_and_not_their_order_of_classes() -> None:
    digests = {
        Words(one, Task.MATERIAL).digest
        for one in (WORDS, dict(reversed(WORDS.items())), {"nylon": ["plastic bag"]})
    }
    assert len(digests) == 2
    again = pickle.loads(pickle.dumps(Words(WORDS, Task.MATERIAL)))
    assert again.digest == Words(WORDS, Task.MATERIAL).digest


@NEEDS_WEIGHTS
def test_the_classifier_is_that_of_the_published_weights() -> None:
    """A slow independent computation of what follows the encoder, from the file itself."""
    network = ImageNetClassifier().eval()
    given = EFFICIENTNET_LITE0.load()
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        deep = network.encoder((255 * image - 127) / 128)[32]
        x = torch.einsum("bchw,oc->bohw", deep, given["_conv_head.weight"][:, :, 0, 0])
        mean, var = given["_bn1.running_mean"], given["_bn1.running_var"]
        x = (x - mean[:, None, None]) / (var[:, None, None] + 1e-3).sqrt()
        x = x * given["_bn1.weight"][:, None, None] + given["_bn1.bias"][:, None, None]
        pooled = x.clamp(0, 6).flatten(2).mean(2)
        want = pooled @ given["_fc.weight"].T + given["_fc.bias"]
        assert torch.allclose(network(image), want, atol=1e-4)
