"""Named maps: whose names, whose places, and what they are learnt from."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.base import Dataset
from dagen.datasets.maps.base import Map
from dagen.datasets.resortit import ReSortIt
from dagen.datasets.taco import Taco
from dagen.errors import DataError, UsageError
from dagen.scoring.naming.features import ImageNetFeatures, Vectors
from dagen.scoring.naming.named import Domains, NamedMap
from dagen.scoring.naming.words import Scores, Words
from dagen.types import Image, Pixels, Task
from tests import tiny


class Bright(Map):
    """A pixel that is not like the ground is an object."""

    digest = "bright/1"
    whole = True

    def make(self, image: Image, name: str) -> Pixels:
        far = np.abs(image.astype(int) - tiny.GROUND).max(2) > 60
        return np.asarray(np.where(far, 230, 10), np.uint8)


class Channels(Bright):
    digest = "channels/1"

    def make(self, image: Image, name: str) -> Pixels:
        return np.stack([super().make(image, name)] * 3, 2)


class Nothing(Bright):
    digest = "nothing/1"

    def make(self, image: Image, name: str) -> Pixels:
        return np.full(image.shape[:2], 20, np.uint8)


def mean_colours(self: ImageNetFeatures, pictures: Sequence[tuple[Image, Pixels]]) -> Vectors:
    """The colour of a region in place of ImageNet's features: every toy material has its own."""
    found = [np.empty((0, 3), np.float32)]
    found += [image[mask > 127].mean(0, keepdims=True) for image, mask in pictures]
    return np.concatenate(found).astype(np.float32)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ImageNetFeatures, "__call__", mean_colours)


@pytest.fixture
def domains(tmp_path: Path) -> Domains:
    task = Task.MATERIAL
    belt = ReSortIt(tiny.make_resortit(tmp_path, train=24, val=1), "train", task)
    return Domains([belt], [Taco(tiny.make_taco(tmp_path, train=8, val=2), "train", task)])


def street(domains: Domains) -> Dataset:
    return domains.targets[0]


def test_regions_get_the_names_of_what_looks_alike_on_the_belt(domains: Domains) -> None:
    kind = NamedMap(Bright(), Task.MATERIAL, domains)
    right = total = 0
    for index in range(len(street(domains))):
        image, label = street(domains).image(index), street(domains).label(index)
        made = kind.checked(image, street(domains).name(index))
        assert made.shape == (*image.shape[:2], 5) and made.dtype == np.uint8
        assert np.abs(made.astype(int).sum(2) - 255).max() <= 3  # rounding
        shown = Bright().make(image, "")
        assert np.abs(255 - made[..., 0].astype(int) - shown).max() <= 1  # where is kept
        known = (label > 0) & (label < 255) & (shown > 127)
        right += int((1 + made[..., 1:].argmax(2) == label)[known].sum())
        total += int(known.sum())
    assert right > 0.6 * total  # by chance a quarter


def test_where_there_is_no_region_every_name_is_as_likely(domains: Domains) -> None:
    made = NamedMap(Nothing(), Task.MATERIAL, domains).make(street(domains).image(0), "a")
    assert (made[..., 0] == 235).all() and (made[..., 1:] == 5).all()


def test_everything_that_decides_a_map_is_in_its_digest(domains: Domains) -> None:
    plain = NamedMap(Bright(), Task.MATERIAL, domains)
    assert plain.digest == NamedMap(Bright(), Task.MATERIAL, domains).digest
    assert plain.digest.endswith(" of bright/1")
    label = domains.sources[0].root / "labels" / "train" / "00000.png"
    label.write_bytes((label.parent / "00001.png").read_bytes())
    others = [
        NamedMap(Bright(), Task.MATERIAL, domains),  # another label of the source
        NamedMap(Bright(), Task.MATERIAL, Domains(domains.sources, domains.sources)),
        NamedMap(Nothing(), Task.MATERIAL, domains),
        NamedMap(Bright(), Task.MATERIAL),
    ]
    assert len({kind.digest for kind in [plain, *others]}) == 5


def test_the_probe_is_fitted_once_and_kept(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = NamedMap(Bright(), Task.MATERIAL, domains).probe().packed()
    monkeypatch.setattr(NamedMap, "_fit", lambda self: pytest.fail("fitted again"))
    kind = pickle.loads(pickle.dumps(NamedMap(Bright(), Task.MATERIAL, domains)))
    assert np.array_equal(kind.probe().packed(), first)


def test_no_label_of_the_target_and_no_evaluation_image_is_opened(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = NamedMap(Bright(), Task.MATERIAL, domains).make(street(domains).image(0), "a")
    seen = []
    honest = Taco.image
    monkeypatch.setattr(Taco, "label", lambda self, k: pytest.fail("a label of the target"))
    monkeypatch.setattr(
        Taco, "image", lambda self, k: (seen.append(self.split), honest(self, k))[1]
    )
    monkeypatch.setenv("DAGEN_CACHE", str(street(domains).root / "other"))
    kind = NamedMap(Bright(), Task.MATERIAL, domains)
    assert np.array_equal(kind.make(honest(street(domains), 0), "a"), wanted)  # type: ignore[arg-type]
    assert set(seen) == {"train"}


def test_what_cannot_be_named_is_one_line(domains: Domains) -> None:
    with pytest.raises(UsageError, match=r"segments background, waste; .* without named:"):
        NamedMap(Bright(), Task.BINARY, domains)
    with pytest.raises(DataError, match="answers 3; name it without named:"):
        NamedMap(Channels(), Task.MATERIAL, domains).make(street(domains).image(0), "a")
    with pytest.raises(UsageError, match="from a source, and there is none"):
        NamedMap(Bright(), Task.MATERIAL).make(street(domains).image(0), "a")
    with pytest.raises(DataError, match=r"finds 0 region\(s\)"):
        NamedMap(Nothing(), Task.MATERIAL, domains).probe()


def test_words_have_a_say_against_what_is_usual_in_the_target(
    domains: Domains, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A classifier that is always sure of paper changes nothing; one that looks changes names."""
    paper = Task.MATERIAL.foreground.index(Task.MATERIAL.classes.index("paper"))

    def always(self: Words, pictures: Sequence[tuple[Image, Pixels]]) -> Scores:
        return np.tile(np.eye(4)[paper] * 50.0, (len(pictures), 1))

    def bright(self: Words, pictures: Sequence[tuple[Image, Pixels]]) -> Scores:
        light = [image[mask > 127].mean() for image, mask in pictures]
        return np.stack([np.array(light)] + [np.zeros(len(pictures))] * 3, 1)

    image, name = street(domains).image(0), street(domains).name(0)
    plain = NamedMap(Bright(), Task.MATERIAL, domains)
    monkeypatch.setattr(Words, "__call__", always)
    worded = NamedMap(Bright(), Task.MATERIAL, domains, {"paper": ["carton"]})
    assert worded.digest != plain.digest
    assert np.array_equal(worded.make(image, name), plain.make(image, name))
    monkeypatch.setattr(Words, "__call__", bright)
    other = NamedMap(Bright(), Task.MATERIAL, domains, {"paper": ["envelope"]})
    assert not np.array_equal(other.make(image, name), plain.make(image, name))
