"""Several data sets as one: each drawn equally often, every image from its own files."""

from pathlib import Path

import numpy as np
import pytest

from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import Steps
from dagen.datasets.loading.opening import open_dataset
from dagen.datasets.loading.wrappers import Joined, Pooled
from dagen.datasets.maps.salience import Salience
from dagen.engine.checks import check_files
from dagen.engine.feeds import open_feeds
from dagen.engine.sampling import sampling_of
from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from dagen.runs.describe import command, title
from dagen.runs.plan import plan_run
from dagen.runs.reading import load
from dagen.runs.runtime import Runtime
from dagen.types import Task
from tests import own, tiny


@pytest.fixture
def two(tmp_path: Path) -> tuple[Dataset, Dataset]:
    tiny.make_resortit(tmp_path, train=4, val=1)
    tiny.make_folder(tmp_path, train=3, val=1)
    one, other = (open_dataset(n, "train", Task.MATERIAL, tmp_path) for n in ("resortit", "folder"))
    return one, other


def test_every_data_set_is_drawn_equally_often(two: tuple[Dataset, Dataset]) -> None:
    whole = Joined(two)
    assert len(whole) == 8
    names = [whole.name(i) for i in range(len(whole))]
    first, second = ([d.name(i) for i in range(len(d))] for d in two)
    assert names[0::2] == first
    assert names[1::2] == [*second, second[0]]


def test_each_image_comes_with_its_own_label_and_keys(two: tuple[Dataset, Dataset]) -> None:
    whole = Joined(two)
    for i in range(len(whole)):
        own, k = two[i % 2], (i // 2) % len(two[i % 2])
        assert np.array_equal(whole.image(i), own.image(k))
        assert np.array_equal(whole.label(i), own.label(k))
        for method in ("image_key", "label_key", "instances", "scene"):
            assert getattr(whole, method)(i) == getattr(own, method)(k)
        assert np.array_equal(whole.map_of(i, Salience()), own.map_of(k, Salience()))
    assert whole.has_labels


def test_the_fingerprint_tells_what_is_joined(two: tuple[Dataset, Dataset]) -> None:
    prints = {Joined(d).fingerprint() for d in (two, two[::-1], two[:1])}
    assert len(prints) == 3


def test_a_run_draws_from_its_extra_sources(tmp_path: Path) -> None:
    tiny.make_resortit(tmp_path, train=4, val=1)
    config = from_mapping({"size": [32, 32], "extra_src": ["resortit-synth"]})
    feeds = open_feeds(plan_run(config), tmp_path)
    names = [feeds["source"].dataset.name(i) for i in range(4)]
    assert [name.startswith("train/0000") for name in names[1::2]] == [True, True]
    assert names[0] != names[1]
    assert len(feeds["source"].dataset) == 2 * 240


def test_an_extra_source_is_a_setting_like_any_other() -> None:
    assert load(sets=['extra_src=["taco-synth"]']).extra_src == ("taco-synth",)
    assert load(sets=["extra_src=taco-synth,resortit-synth"]).extra_src == (
        "taco-synth",
        "resortit-synth",
    )
    plain, more = from_mapping({}), from_mapping({"extra_src": ["taco-synth"]})
    assert "extra_src" not in plain.to_dict()
    assert plain.name != more.name
    assert more.source_only() == plain.source_only()
    assert title(plain.to_dict()) == "source-only"
    assert title(more.to_dict()) == "supervised with taco-synth"
    assert "extra_src" in command(more.to_dict())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"extra_src": ["resortit"]}, r"extra_src names 'resortit'.*already"),
        ({"extra_src": ["taco"], "tgt": "taco"}, r"extra_src names 'taco'.*target_labels"),
        ({"extra_src": ["taco-synth"] * 2}, r"extra_src names 'taco-synth' twice"),
        (
            {"extra_src": ["taco-synth"], "method": "shot", "init": "x", "tgt": "taco"},
            r"extra_src.*shot",
        ),
    ],
)
def test_bad_extra_sources_get_one_clear_line(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        plan_run(from_mapping(values))
    assert "\n" not in str(error.value)


def test_an_unknown_extra_source_is_refused_before_any_work(tmp_path: Path) -> None:
    config = from_mapping({"src": "resortit-synth", "extra_src": ["taco-sinth"]})
    with pytest.raises(UsageError, match=r"taco-sinth.*taco-synth"):
        check_files(plan_run(config), Runtime(runs=tmp_path))


def _shares(whole: Pooled, two: tuple[Dataset, Dataset]) -> list[int]:
    behind = [whole.behind(i) for i in range(len(whole))]
    for dataset in two:  # each image of it, from the first
        images = [k for owner, k in behind if owner is dataset]
        assert images == [i % len(dataset) for i in range(len(images))]
        assert len(images) >= len(dataset)
    return [sum(owner is dataset for owner, _ in behind) for dataset in two]


def test_a_pool_shares_by_number_of_images_or_by_weight(two: tuple[Dataset, Dataset]) -> None:
    assert _shares(Pooled(two), two) == [4, 3]
    assert _shares(Pooled(two, (1, 1)), two) == [4, 4]
    assert _shares(Pooled(two, (1, 3)), two) == [4, 12]
    assert _shares(Pooled(two, (2, 0.5)), two) == [12, 3]
    assert not Pooled(two).has_labels
    prints = {Pooled(two, weights).fingerprint() for weights in ((), (1, 1), (1, 3))}
    assert len(prints) == 3 and Pooled(two).name(4) == two[1].name(0)


def _with_photos(tmp_path: Path) -> dict[str, object]:
    tiny.make_resortit(tmp_path, train=4, val=1)
    tiny.make_taco(tmp_path, train=3, val=1)
    (tmp_path / "photos").mkdir()
    for seed in range(2):
        own.image_and_mask(seed, [1])[0].save(tmp_path / "photos" / f"p{seed}.jpg")
    return {
        "src": "resortit", "tgt": "taco", "method": "minent", "size": [32, 32], "batch": 5,
        "extra_tgt": ["photos"],
    }  # fmt: skip


def test_a_run_draws_from_its_extra_targets(tmp_path: Path) -> None:
    plan = plan_run(from_mapping(_with_photos(tmp_path)))
    check_files(plan, Runtime(runs=tmp_path, data_root=tmp_path))
    feed = open_feeds(plan, tmp_path)["target"]
    assert not feed.labelled and len(feed.dataset) == 5
    batch = Steps({"target": feed}, sampling_of(plan.config), 1)[0]
    assert batch.target is not None and batch.target.label is None
    names = sorted(feed.name(i) for i in batch.target.index.tolist())
    assert [name for name in names if name[0] == "p"] == ["p0.jpg", "p1.jpg"]
    assert len({*names}) == 5  # one epoch shows each image of both once


def test_an_extra_target_is_a_setting_like_any_other() -> None:
    base = {"src": "resortit", "tgt": "taco", "method": "minent"}
    plain, more = (from_mapping({**base, **given}) for given in ({}, {"extra_tgt": "a,b"}))
    assert more.extra_tgt == ("a", "b") and "extra_tgt" not in plain.to_dict()
    assert plain.name != more.name and more.source_only() == plain.source_only()
    assert title(more.to_dict()) == "minent with a and b"
    assert "extra_tgt" in command(more.to_dict())
    assert load(sets=["extra_tgt=a,b", "tgt_weights=[3, 1, 1]"]).tgt_weights == (3, 1, 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"extra_tgt": ["taco"]}, r"extra_tgt names 'taco', which is the target already"),
        ({"extra_tgt": ["resortit"]}, r"extra_tgt names 'resortit', whose labels"),
        ({"extra_tgt": ["a", "a"]}, r"extra_tgt names 'a' twice"),
        ({"extra_tgt": ["a"], "tgt": None, "method": "dsu"}, r"there is none; give --tgt"),
        ({"extra_tgt": ["a"], "method": "dsu"}, r"dsu trains on none"),
        ({"extra_tgt": ["a"], "method": "tent", "init": "x"}, r"'tent' adapts over"),
        ({"extra_tgt": ["a"], "tgt_weights": [1]}, r"has 1 numbers; give one for the target"),
        ({"tgt_weights": [1.0, 2.0]}, r"tgt_weights has 2 numbers.*none is named"),
    ],
)
def test_bad_extra_targets_get_one_clear_line(values: dict[str, object], message: str) -> None:
    base = {"src": "resortit", "tgt": "taco", "method": "minent"}
    with pytest.raises(UsageError, match=message):
        plan_run(from_mapping({**base, **values}))


def test_evaluation_images_cannot_be_extra_targets(tmp_path: Path) -> None:
    values = _with_photos(tmp_path)
    where = open_dataset("taco", "val", Task.MATERIAL, tmp_path)
    folder = tmp_path / "taco" / Path(where.name(0)).parent
    config = from_mapping({**values, "extra_tgt": [str(folder)]})
    with pytest.raises(UsageError, match=r"images are those of taco val") as error:
        check_files(plan_run(config), Runtime(runs=tmp_path, data_root=tmp_path))
    assert "\n" not in str(error.value)
