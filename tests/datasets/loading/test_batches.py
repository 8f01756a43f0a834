from pathlib import Path

import numpy as np
import pytest
import torch

from dagen.datasets.base import Dataset
from dagen.datasets.loading.batches import (
    Feed,
    Sampling,
    Steps,
    batches,
    drawn,
    every_image,
)
from dagen.datasets.loading.pasting import Paster
from dagen.datasets.loading.transforms import Window, to_tensor
from dagen.datasets.loading.workers import running
from dagen.datasets.maps.base import Map, Resizing
from dagen.errors import DataError
from dagen.types import Batch, Task


class Numbers(Dataset):
    """Image i is filled with i; reading a label can be forbidden."""

    def __init__(self, count: int, *, labels: bool = True) -> None:
        super().__init__(Path(), "train", Task.BINARY)
        self.count = count
        self.labels = labels

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"number {index}"

    def image(self, index: int) -> np.ndarray:
        pixels = np.full((40, 60, 3), index, np.uint8)
        pixels[:, :, 1] = np.arange(60)
        return pixels

    def label(self, index: int) -> np.ndarray:
        assert self.labels, "a label was opened"
        return np.full((40, 60), index % 2, np.uint8)


def _steps(*, batch: int = 4, rank: int = 0, world: int = 1, seed: int = 0) -> Steps:
    feeds = {"source": Feed(Numbers(5), True), "target": Feed(Numbers(7, labels=False), False)}
    return Steps(feeds, Sampling((32, 32), batch, 2.0, seed, "none", rank, world), steps=6)


def _same(a: Batch, b: Batch) -> bool:
    pairs = [(a.source, b.source), (a.target, b.target)]
    return all(
        x is not None
        and y is not None
        and torch.equal(x.image, y.image)
        and torch.equal(x.index, y.index)
        for x, y in pairs
    )


class Damaged(Numbers):
    """No image can be read."""

    def image(self, index: int) -> np.ndarray:
        raise DataError(f"{self.name(index)} is damaged: replace it.")


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_one_line_whoever_reads_it(workers: int) -> None:
    steps = Steps({"source": Feed(Damaged(1), True)}, Sampling((32, 32), 1, 1.0, 0), steps=2)
    with (
        pytest.raises(DataError, match=r"^number 0 is damaged: replace it\.$"),
        running(batches(steps, 0, workers)) as found,
    ):
        list(found)


def test_shapes_ranges_and_no_target_label() -> None:
    batch = _steps()[0]
    assert batch.source is not None and batch.target is not None
    assert batch.source.image.shape == (4, 3, 32, 32)
    assert batch.source.image.dtype == torch.float32
    assert float(batch.source.image.min()) >= 0 and float(batch.source.image.max()) <= 1
    assert batch.source.label is not None and batch.source.label.dtype == torch.int64
    assert batch.target.label is None


def test_every_image_comes_once_an_epoch() -> None:
    steps = _steps(batch=5)
    for step in range(6):
        source = steps[step].source
        assert source is not None and sorted(source.index.tolist()) == list(range(5))


def test_workers_and_resuming_change_nothing() -> None:
    alone = list(batches(_steps(), 0, 0))
    together = list(batches(_steps(), 0, 2))
    resumed = list(batches(_steps(), 4, 0))
    assert len(alone) == len(together) == 6
    assert all(_same(a, b) for a, b in zip(alone, together, strict=True))
    assert all(_same(a, b) for a, b in zip(alone[4:], resumed, strict=True))


def test_ranks_share_one_batch() -> None:
    whole = _steps()[2].source
    halves = [_steps(rank=rank, world=2)[2].source for rank in (0, 1)]
    assert whole is not None and halves[0] is not None and halves[1] is not None
    assert torch.equal(whole.image, torch.cat([halves[0].image, halves[1].image]))


def test_seeds_differ() -> None:
    first, second = _steps(seed=0)[0].source, _steps(seed=1)[0].source
    assert first is not None and second is not None
    assert not torch.equal(first.image, second.image)


@pytest.mark.parametrize("multiple", [4, 32])
def test_every_image_is_fitted_to_the_network(multiple: int) -> None:
    images = list(every_image(Numbers(3), (32, 32), multiple))
    assert len(images) == 3
    assert all(image.shape[0] == 1 and image.shape[2] % multiple == 0 for image in images)


class Ramp(Map):
    """The image's second channel, which counts the columns, as bytes, floats or two layers."""

    digest = "ramp"
    resized: Resizing = "nearest"

    def __init__(self, form: str = "bytes") -> None:
        self.form = form

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        ramp = image[:, :, 1]
        if self.form == "bytes":
            return ramp
        return ramp.astype(self.form) if self.form != "layers" else np.stack([ramp, 59 - ramp], 2)


@pytest.mark.parametrize("form", ["bytes", "float16", "float32", "float64", "layers"])
def test_maps_are_cut_like_the_image_and_open_no_label(form: str) -> None:
    feed = Feed(Numbers(7, labels=False), False, maps={"ramp": Ramp(form)})
    target = Steps({"target": feed}, Sampling((40, 40), 4, 1.0, 0), steps=3)[1].target
    assert target is not None and target.label is None and list(target.maps) == ["ramp"]
    found, shown = target.maps["ramp"], target.image[:, 1]
    assert found.dtype == torch.float32
    if form == "layers":
        assert found.shape == (4, 2, 40, 40)
        assert torch.equal(found[:, 0], shown)
        assert torch.equal((found.sum(1) * 255).round(), torch.full((4, 40, 40), 59.0))
    else:
        assert torch.equal(found if form == "bytes" else found / 255, shown)
    columns = (shown[:, 0, 0] - shown[:, 0, -1]).sign()
    assert {-1.0, 1.0} == set(columns.tolist())  # some are mirrored, some are not
    moved = target.to(torch.device("cpu"))
    assert torch.equal(moved.maps["ramp"], found)


def test_views_without_maps_share_no_dictionary() -> None:
    first, second = _steps()[0].target, _steps()[1].target
    assert first is not None and second is not None
    assert first.maps == {} and first.maps is not second.maps


@pytest.mark.parametrize("made", [np.zeros((40, 60), np.int64), np.zeros((20, 60), np.uint8)])
def test_a_map_of_another_type_or_size_is_refused(made: np.ndarray) -> None:
    class Odd(Map):
        digest = "odd/3"

        def make(self, image: np.ndarray, name: str) -> np.ndarray:
            return made

    with pytest.raises(DataError, match=r"the map odd/3 of number 2 is .*\(40, 60\)"):
        Numbers(7).map_of(2, Odd())


class Half(Map):
    """255 in the right half of the picture."""

    digest = "half/1"

    def make(self, image: np.ndarray, name: str) -> np.ndarray:
        made = np.zeros(image.shape[:2], np.uint8)
        made[10:30, 35:50] = 255
        return made


def _pasted(augment: str = "strong") -> Steps:
    images, kinds = Numbers(7, labels=False), {"half": Half()}
    paster = Paster(images, [0, 1, 2], kinds, 0.7, Numbers(3, labels=False), 0.3)
    feeds = {
        "source": Feed(Numbers(5), True),
        "target": Feed(images, False, maps=kinds, paster=paster),
    }
    return Steps(feeds, Sampling((32, 32), 6, 2.0, 0, augment, source_batch=2), steps=6)


def test_the_domains_may_have_batches_of_different_sizes() -> None:
    batch = _pasted()[0]
    assert batch.source is not None and batch.target is not None
    assert batch.source.image.shape == (2, 3, 32, 32) and batch.source.label is not None
    assert batch.target.image.shape == (6, 3, 32, 32)
    assert batch.target.maps["half"].shape == (6, 32, 32)
    seen = [i for step in range(5) for i in _pasted()[step].source.index.tolist()]  # type: ignore[union-attr]
    assert sorted(seen) == sorted([*range(5)] * 2)  # each image once an epoch


def test_pasting_and_turning_depend_on_seed_and_step_alone() -> None:
    alone = list(batches(_pasted(), 0, 0))
    together = list(batches(_pasted(), 0, 2))
    resumed = list(batches(_pasted(), 4, 0))
    for a, b in [*zip(alone, together, strict=True), *zip(alone[4:], resumed, strict=True)]:
        assert _same(a, b)
        assert a.target is not None and b.target is not None
        assert torch.equal(a.target.maps["half"], b.target.maps["half"])
        assert a.source is not None and b.source is not None
        assert a.source.label is not None and b.source.label is not None
        assert torch.equal(a.source.label, b.source.label)


def test_empty_scenes_have_their_own_names_and_blank_maps() -> None:
    steps = _pasted("none")
    found = []
    for step in range(6):
        batch = steps[step]
        assert batch.target is not None
        names = steps.names(batch)[2:]
        for index, name in zip(batch.target.index.tolist(), names, strict=True):
            assert name == f"number {index if index < 7 else index - 7}"
            found.append(index)
    assert {7, 8, 9} & set(found) and max(found) < 10
    assert any(not m.any() for s in range(6) for m in steps[s].target.maps["half"])  # type: ignore[union-attr]


def test_strong_augmentation_turns_labels_with_their_images() -> None:
    class Edge(Numbers):
        def image(self, index: int) -> np.ndarray:
            return np.repeat(255 * self.label(index)[..., None], 3, 2)

        def label(self, index: int) -> np.ndarray:
            label = np.zeros((40, 60), np.uint8)
            label[:, 30:] = 1
            return label

    feeds = {"source": Feed(Edge(5), True)}
    steps = Steps(feeds, Sampling((40, 40), 8, 1.0, 0, "strong"), steps=1)
    view = steps[0].source
    assert view is not None and view.label is not None
    for image, label in zip(view.image, view.label, strict=True):
        shown = image.mean(0)
        if label.any() and not label.all():
            middle = (shown.min() + shown.max()) / 2
            assert ((shown > middle) == (label == 1)).float().mean() > 0.97


def test_windows_may_stay_in_the_middle_and_images_unmirrored() -> None:
    feeds = {"source": Feed(Numbers(5), True)}

    def images(**how: bool) -> list[tuple[int, torch.Tensor]]:
        views = [Steps(feeds, Sampling((40, 40), 8, 2.0, 0, **how), steps=2)[k] for k in (0, 1)]
        pairs = [(v.source.index.tolist(), v.source.image) for v in views if v.source is not None]
        return [(i, image) for index, batch in pairs for i, image in zip(index, batch, strict=True)]

    both = zip(images(), images(mirror=False), strict=True)
    mirrored = 0
    for (_, plain), (_, straight) in both:  # the same windows
        assert torch.equal(plain, straight) or torch.equal(plain.flip(2), straight)
        mirrored += not torch.equal(plain, straight)
    assert 0 < mirrored < 16
    middle = Window.centre((40, 60), (40, 40))
    assert middle.columns == slice(10, 50) and middle.rows == slice(0, 40)
    for i, image in images(mirror=False, random_window=False):
        assert torch.equal(image, to_tensor(middle.image(Numbers(5).image(i))))


def test_a_run_that_is_short_draws_the_first_images_only() -> None:
    how = Sampling((32, 32), 2, 1.0, 0)
    some = drawn("target", Numbers(7), how, 2)
    assert len(set(some)) == 4 and sorted(drawn("target", Numbers(7), how, 9)) == list(range(7))
    feeds = {"target": Feed(Numbers(7, labels=False), False)}
    steps = Steps(feeds, how, steps=2)
    seen = [i for s in range(2) for i in steps[s].target.index.tolist()]  # type: ignore[union-attr]
    assert seen == some
