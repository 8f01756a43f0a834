from functools import partial

import torch
from torch import Tensor

from dagen.methods.textures import Textures, feather, shrink
from dagen.types import Batch, Task, View
from tests.methods.cast import SIZE, scene, waste_iou
from tests.toy import ToyNetwork, context, setting


def _part(**values: object) -> Textures:
    values = {"smallest": 1.0, **values}
    return Textures(ToyNetwork(2), setting(), Textures.Config(**values))  # type: ignore[arg-type]


def _square(size: int = 32) -> Tensor:
    label = torch.zeros(2, size, size, dtype=torch.int64)
    label[:, 8:24, 8:24] = 1
    return label


def test_objects_stay_and_the_background_goes() -> None:
    ctx = context()
    image = torch.full((2, 3, 32, 32), 0.05)
    image[..., 8:24, 8:24] = 0.7
    ctx.batch = Batch(View(image, torch.arange(2), _square()))
    new = _part(p=1.0, shine=0.0).transform(ctx).source
    assert new is not None
    inner = (slice(None), slice(None), slice(11, 21), slice(11, 21))
    torch.testing.assert_close(new.image[inner], image[inner])
    outside = (_square() == 0)[:, None].expand_as(image)
    assert (new.image - image)[outside].abs().mean() > 0.1
    assert new.image.min() >= 0 and new.image.max() <= 1


def test_no_rim_of_belt_is_left() -> None:
    """A green belt: outside the object nothing is green that was not drawn."""
    ctx = context()
    image = torch.zeros(2, 3, 32, 32)
    image[:, 1] = 1.0
    other = image.roll(1, 1)  # the same on a blue one
    for pixels in (image, other):
        pixels[..., 8:24, 8:24] = 0.7
    outs = []
    for pixels in (image, other):
        ctx.batch = Batch(View(pixels, torch.arange(2), _square()))
        outs.append(_part(p=1.0).transform(ctx).source)
    assert outs[0] is not None and outs[1] is not None
    assert torch.equal(outs[0].image, outs[1].image)


def test_ignored_pixels_and_labels_stay() -> None:
    ctx = context(Task.MATERIAL)
    new = _part(p=1.0).transform(ctx).source
    assert new is not None and ctx.source.label is not None
    ignored = (ctx.source.label == 255)[:, None].expand_as(new.image)
    assert torch.equal(new.image[ignored], ctx.source.image[ignored])
    assert new.label is not None and torch.equal(new.label, ctx.source.label)
    assert _part(p=1.0).transform(ctx).target is ctx.batch.target


def test_no_target_is_needed_and_a_draw_depends_on_seed_and_step_alone() -> None:
    assert Textures.streams == {"source"}
    images: list[Tensor] = []
    for step in (2, 2, 3):
        ctx = context(step=step)
        ctx.batch = Batch(source=ctx.batch.source)
        torch.manual_seed(len(images))
        new = _part(p=1.0).transform(ctx).source
        assert new is not None
        images.append(new.image)
    assert torch.equal(images[0], images[1]) and not torch.equal(images[0], images[2])


def test_p_is_the_share_of_images() -> None:
    changed = 0
    for step in range(30):
        ctx = context(step=step)
        new = _part(distractors=0).transform(ctx).source
        assert new is not None
        changed += int((new.image != ctx.source.image).flatten(1).any(1).sum())
    assert 18 <= changed <= 42  # of 60


def test_the_ground_shines_through_dark_parts_only() -> None:
    ctx = context()
    image = torch.zeros(2, 3, 32, 32)
    image[..., 16:] = 1.0
    ctx.batch = Batch(View(image, torch.arange(2), torch.ones(2, 32, 32, dtype=torch.int64)))
    for step in range(3):
        ctx.step = step
        new = _part(p=1.0, shine=1.0).transform(ctx).source
        assert new is not None
        assert (new.image[..., :16] > 0.01).any() and (new.image[..., 16:] == 1).all()


def test_a_scene_is_shrunk_with_its_label() -> None:
    label = torch.zeros(32, 48, dtype=torch.int64)
    label[8:24, 12:36] = 3
    label[:2] = 255
    image = 0.1 + 0.2 * label.clamp(max=3).float().expand(3, -1, -1)
    small, ids = shrink(image, label, 0.5, (1.0, 0.0))
    assert (small[:, :16] == 0).all() and (ids[:16] == 0).all()  # it lies at the lower left
    assert (ids[:, 24:] == 0).all()
    expected = torch.zeros(16, 24, dtype=torch.int64)
    expected[4:12, 6:18] = 3
    expected[:1] = 255
    assert torch.equal(ids[16:, :24], expected)
    assert (small[:, 22:26, 8:16] - 0.7).abs().max() < 1e-3
    same = shrink(image, label, 1.0, (0.3, 0.7))
    torch.testing.assert_close(same[0], image)
    assert torch.equal(same[1], label)


def test_shrinking_leaves_less_waste_and_matches_what_is_seen() -> None:
    ctx = context()
    image = torch.zeros(8, 3, 32, 32)
    image[:, 0, 8:24, 8:24] = 1.0  # pure red waste
    label = _square()[:1].repeat(8, 1, 1)
    ctx.batch = Batch(View(image, torch.arange(8), label))
    part = _part(p=1.0, smallest=0.25, shine=0.0, feather=0.0, distractors=0)
    new = part.transform(ctx).source
    assert new is not None and new.label is not None
    share = new.label.float().mean((1, 2))
    assert (share <= 0.25).all() and share.min() < 0.1 and share.max() > 0.1
    inside = torch.nn.functional.max_pool2d(1 - new.label[:, None].float(), 3, 1, 1) == 0
    assert (new.image[:, 0][inside[:, 0]] > 0.9).all()
    assert (new.image[:, 1:].amax(1)[inside[:, 0]] < 0.1).all()


def test_feather_falls_inwards() -> None:
    mask = (_square() > 0).float()[:, None]
    assert torch.equal(feather(mask, 0), mask)
    soft = feather(mask, 2)
    assert (soft <= mask).all() and (soft[..., 11:21, 11:21] == 1).all()
    row = soft[0, 0, 16, 6:12]
    assert (row.diff() >= 0).all() and 0 < row[2] < 1
    whole = torch.ones(1, 1, 16, 16)
    assert torch.equal(feather(whole, 3), whole)  # the image's border is no edge


def _checks(seed: int, count: int, ground: float) -> View:
    """Checkered squares on a plain ground; only on a dark one is brightness enough."""
    view = scene(seed, count)
    assert view.label is not None
    checks = torch.tensor([[0.45, 0.95], [0.95, 0.45]]).repeat(SIZE // 2, SIZE // 2)
    image = torch.where(view.label.bool(), checks, ground)[:, None].repeat(1, 3, 1, 1)
    return View(image, view.index, view.label)


def test_bright_is_no_longer_the_same_as_waste() -> None:
    def run(names: list[str], configs: dict[str, dict[str, object]]) -> float:
        dark, bright = partial(_checks, ground=0.1), partial(_checks, ground=0.7)
        return waste_iou(names, configs, source=dark, target=bright, steps=40)

    before = run(["supervised"], {})
    options: dict[str, object] = {"p": 0.7, "distractors": 0, "feather": 0.0, "smallest": 1.0}
    after = run(["textures"], {"textures": options})
    assert after > before + 0.2, (before, after)


def _varied(seed: int, count: int) -> View:
    """The same squares on broad stripes of every direction, colour and brightness."""
    view, draw = _checks(seed, count, ground=0.1), torch.Generator().manual_seed(seed)
    assert view.label is not None
    angle, width = torch.rand(2, count, 1, 1, 1, generator=draw)
    rows, columns = torch.arange(SIZE).view(-1, 1), torch.arange(SIZE)
    along = (2 * torch.pi * angle).cos() * columns + (2 * torch.pi * angle).sin() * rows
    stripes = (2 * torch.pi * along / (6 + 12 * width)).sin()
    ground = 0.2 + 0.6 * torch.rand(count, 3, 1, 1, generator=draw) + 0.15 * stripes
    image = torch.where(view.label[:, None].bool(), view.image, ground)
    return View(image, view.index, view.label)


def test_it_closes_the_gap_from_a_dark_belt_to_varied_grounds() -> None:
    def run(names: list[str], configs: dict[str, dict[str, object]]) -> float:
        belt = partial(_checks, ground=0.1)
        return waste_iou(names, configs, source=belt, target=_varied, steps=40)

    assert run(["supervised"], {}) < 0.6
    assert run(["textures"], {"textures": {"smallest": 1.0}}) > 0.85
