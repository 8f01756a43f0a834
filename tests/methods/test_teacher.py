from dataclasses import replace

import pytest
import torch

from dagen.errors import UsageError
from dagen.methods.mean_teacher import teacher_of
from dagen.methods.shared.soft.joining import Joined
from dagen.methods.teacher import Teacher
from dagen.runs.parts import arrange
from dagen.types import PRESETS, Batch, Pasting, Task
from tests.methods.pseudo import stack_of, step_of
from tests.toy import batch, setting


@pytest.mark.parametrize("task", PRESETS)
def test_the_loss_is_binary_cross_entropy_of_foreground(task: Task) -> None:
    stack = stack_of(["teacher"], task, weight=0.5)
    ctx = step_of(stack, images=batch(task, maps=["u2netp"]))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    loss = float(part.losses(ctx)["cross_entropy"].detach())
    logits = torch.nn.functional.interpolate(
        ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
    )
    p, q = 1 - logits.softmax(1)[:, 0].double(), ctx.target.maps["u2netp"].double()
    wanted = -(q * p.log() + (1 - q) * (1 - p).log()).mean()
    assert loss == pytest.approx(0.5 * float(wanted), rel=1e-4)


def test_a_map_of_all_classes_is_learnt_class_by_class() -> None:
    task = Task.MATERIAL
    stack = stack_of(["teacher"], task)
    images = batch(task)
    assert images.target is not None
    soft = torch.rand(2, 5, 32, 32).softmax(1)
    images = Batch(images.source, replace(images.target, maps={"u2netp": soft}))
    ctx = step_of(stack, images=images)
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    loss = float(part.losses(ctx)["cross_entropy"].detach())
    logits = torch.nn.functional.interpolate(
        ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
    )
    assert loss == pytest.approx(float(-(soft * logits.log_softmax(1)).sum(1).mean()), rel=1e-4)


@pytest.mark.parametrize("channels", [1, 5])
def test_the_largest_class_may_decide_where(channels: int) -> None:
    task = Task.MATERIAL
    stack = stack_of(["teacher"], task, foreground="largest")
    images = batch(task)
    assert images.target is not None
    soft = torch.rand(2, 5, 32, 32, generator=torch.Generator().manual_seed(0)).softmax(1)
    map_ = soft if channels == 5 else 1 - soft[:, 0]
    images = Batch(images.source, replace(images.target, maps={"u2netp": map_}))
    ctx = step_of(stack, images=images)
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    loss = float(part.losses(ctx)["cross_entropy"].detach())
    logits = torch.nn.functional.interpolate(
        ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
    ).double()
    best = logits[:, 1:].amax(1) - logits[:, 0]
    wanted = -((1 - soft[:, 0]) * best.sigmoid().log() + soft[:, 0] * (-best).sigmoid().log())
    if channels == 5:
        wanted = wanted - (soft[:, 1:] * logits[:, 1:].log_softmax(1)).sum(1)
    assert loss == pytest.approx(float(wanted.mean()), rel=1e-4)


def test_rare_classes_of_the_maps_can_count_more() -> None:
    soft = torch.rand(2, 5, 32, 32, generator=torch.Generator().manual_seed(0))
    soft[:, 3] *= 9
    soft = soft / soft.sum(1, keepdim=True)
    shares = soft[:, 1:].sum((0, 2, 3)) / soft[:, 1:].sum()
    logits = torch.zeros(5, dtype=torch.float64)

    def loss(balance: float) -> float:
        stack = stack_of(["teacher"], Task.MATERIAL, foreground="largest", balance=balance)
        images = batch(Task.MATERIAL)
        assert images.target is not None
        images = Batch(images.source, replace(images.target, maps={"u2netp": soft}))
        ctx = step_of(stack, images=images)
        nonlocal logits
        logits = torch.nn.functional.interpolate(
            ctx.target_out.logits.detach(), size=(32, 32), mode="bilinear"
        ).double()
        part = stack.parts["teacher"]
        assert isinstance(part, Teacher)
        return float(part.losses(ctx)["cross_entropy"].detach())

    plain, balanced = loss(0.0), loss(1.0)
    each = -soft[:, 1:] * logits[:, 1:].log_softmax(1)
    change = (each / shares[:, None, None] / 4 - each).sum(1).mean()
    assert balanced - plain == pytest.approx(float(change), rel=1e-3)


def test_maps_of_foreground_alone_cannot_be_balanced() -> None:
    with pytest.raises(UsageError, match="the maps tell foreground alone"):
        _terms({"a": torch.rand(2, 32, 32)}, balance=1.0)


def test_parameters_say_what_is_loaded() -> None:
    parts = arrange(["teacher"], {"teacher": {"maps": ["u2netp", "a.onnx"]}}, setting())
    assert parts.maps == {"u2netp": {}, "a.onnx": {}} and parts.pasting is None
    parts = arrange(["teacher"], {"teacher": {"paste": 0.5, "empty": "beach"}}, setting())
    assert parts.pasting == Pasting(0.5, "beach", 0.1)


@pytest.mark.parametrize("maps", [[], ["u2netp", "u2netp"]])
def test_no_teacher_and_one_named_twice_are_refused(maps: list[str]) -> None:
    with pytest.raises(UsageError, match=r"teacher\.maps is .*each once"):
        arrange(["teacher"], {"teacher": {"maps": maps}}, setting())


def _terms(maps: dict[str, torch.Tensor], step: int = 0, **config: object) -> dict[str, float]:
    stack = stack_of(["teacher"], maps=list(maps), **config)
    images = batch()
    assert images.target is not None
    images = Batch(images.source, replace(images.target, maps=maps))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    return {
        k: float(v.detach()) for k, v in part.losses(step_of(stack, step, images=images)).items()
    }


@pytest.mark.parametrize("name", ["cross_entropy", "channel_wise", "dice", "lovasz"])
def test_every_loss_can_stand_alone_and_has_its_weight(name: str) -> None:
    maps = {"a": torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(0))}
    off = {"cross_entropy": 0.0}
    one = _terms(maps, **{**off, name: 1.0})
    two = _terms(maps, **{**off, name: 2.0, "weight": 2.0})
    assert list(one) == [name] and one[name] > 0
    assert two[name] == pytest.approx(4 * one[name], rel=1e-5)


def test_names_over_the_foreground_go_with_the_largest_class() -> None:
    with pytest.raises(UsageError, match=r"for teacher\.foreground = 'largest'; set both"):
        arrange(["teacher"], {"teacher": {"names_over": "foreground"}}, setting())
    both = {"names_over": "foreground", "foreground": "largest"}
    arrange(["teacher"], {"teacher": both}, setting())


def test_words_go_with_the_named_teachers_alone() -> None:
    words = {"bottle": ["water bottle"]}
    given = {"maps": ["named:u2netp", "salience"], "words": words}
    parts = arrange(["teacher"], {"teacher": given}, setting())
    assert parts.maps == {"named:u2netp": {"words": {"bottle": ("water bottle",)}}, "salience": {}}
    with pytest.raises(UsageError, match="write named: before the teacher"):
        arrange(["teacher"], {"teacher": {"words": words}}, setting())


def test_without_any_loss_it_is_refused() -> None:
    with pytest.raises(UsageError, match="all factors of teacher's losses are 0"):
        arrange(["teacher"], {"teacher": {"cross_entropy": 0}}, setting())


def test_pixels_in_dispute_and_at_outlines_are_not_learnt() -> None:
    a = torch.zeros(2, 32, 32)
    a[:, 8:24, 8:24] = 1.0
    b = a.clone()
    b[:, 12:16, 12:16] = 0.0
    wrong = {"a": a, "b": b}
    stack = stack_of(["teacher"], maps=["a", "b"], band=2)
    images = batch()
    assert images.target is not None
    ctx = step_of(stack, images=Batch(images.source, replace(images.target, maps=wrong)))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    taught = part.taught(ctx)
    assert not taught.valid[:, 12:16, 12:16].any()
    assert not taught.valid[:, 6:10, 8:24].any() and taught.valid[:, :6].all()
    assert taught.valid[:, 18:22, 18:22].all()


def test_images_on_which_teachers_disagree_count_less() -> None:
    same, other = torch.zeros(2, 32, 32), torch.zeros(2, 32, 32)
    same[:, 8:24, 8:24] = other[0, 8:24, 8:24] = 1.0
    other[1, :8, :8] = 1.0  # nothing in common
    config = {"maps": ["a", "b"], "disputed": 1.0}
    stack = stack_of(["teacher"], **config)
    images = batch()
    assert images.target is not None
    ctx = step_of(
        stack, images=Batch(images.source, replace(images.target, maps={"a": same, "b": other}))
    )
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    agreed = part.taught(ctx).agreement
    assert agreed[0] == 1 and float(agreed[1]) < 0.05
    maps = {"a": same, "b": other}
    assert _terms(maps, disputed=1.0) != _terms(maps, disputed=1.0, by_agreement=False)


def test_the_students_average_takes_over_from_the_given_share_on() -> None:
    maps = {"a": torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(0))}
    config = {"takeover": 0.5, "trust": [0.9, 0.5]}
    stack = stack_of(["teacher"], maps="a", **config)
    images = batch()
    assert images.target is not None
    images = Batch(images.source, replace(images.target, maps=maps))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    for step, share in ((0, 1.0), (4, 1.0), (5, 0.9), (9, 0.5)):
        ctx = step_of(stack, step, images=images)
        taught = part.taught(ctx).soft
        p = 1 - teacher_of(ctx).probabilities(ctx)[:, 0]
        assert torch.allclose(taught, share * maps["a"] + (1 - share) * p, atol=1e-6), step


def _mirrored(maps: dict[str, torch.Tensor], **config: object) -> Joined:
    own = [name for name in maps if not name.startswith("mirrored:")]
    stack = stack_of(["teacher"], maps=own, mirrored=True, **config)
    assert set(stack.declared.maps) == set(maps)
    images = batch()
    assert images.target is not None
    images = Batch(images.source, replace(images.target, maps=maps))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    return part.taught(step_of(stack, images=images))


def test_a_teacher_is_asked_about_the_mirrored_image_too() -> None:
    a, b = torch.zeros(2, 32, 32), torch.zeros(2, 32, 32)
    a[:, 8:24, 8:24] = 0.9
    b[0, 8:24, 8:24] = 0.7  # the same object in the first image, another one in the second
    b[1, :8, :8] = 1.0
    taught = _mirrored({"a": a, "mirrored:a": b})
    assert torch.allclose(taught.soft, (a + b) / 2)
    agreed = [float(x) for x in taught.agreement]
    assert agreed[0] == 1 and agreed[1] < 0.05
    assert bool(taught.valid[0].all()) and not taught.valid[1, 8:24, 8:24].any()
    assert bool(_mirrored({"a": a, "mirrored:a": b}, disputed=1.0).valid.all())
    ignored = _mirrored({"a": a, "mirrored:a": b}, by_agreement=False)
    assert ignored.agreement.tolist() == [1, 1]


def test_several_teachers_agree_with_themselves_and_each_other() -> None:
    square, half = torch.zeros(2, 32, 32), torch.zeros(2, 32, 32)
    square[:, 8:24, 8:24] = 1.0
    half[:, 8:24, 8:16] = 1.0
    every = {"a": square, "b": square, "mirrored:a": square, "mirrored:b": half}
    taught = _mirrored(every, disputed=1.0)
    assert torch.allclose(taught.soft, (3 * square + half) / 4)
    # b is one half in the part that its second answer lacks, so what both show for sure is less.
    pair = (128 + 10.24) / (256 + 10.24)  # areas, smoothed by a hundredth of the image
    assert float(taught.agreement[0]) == pytest.approx(pair * (1 + pair) / 2, rel=1e-3)


def test_maps_of_all_classes_have_mirrored_ones_too() -> None:
    task = Task.MATERIAL
    stack = stack_of(["teacher"], task, maps="a", mirrored=True)
    images = batch(task)
    assert images.target is not None
    a, b = (torch.rand(2, 5, 32, 32).softmax(1) for _ in range(2))
    maps = {"a": a, "mirrored:a": b}
    ctx = step_of(stack, images=Batch(images.source, replace(images.target, maps=maps)))
    part = stack.parts["teacher"]
    assert isinstance(part, Teacher)
    assert torch.allclose(part.taught(ctx).soft, (a + b) / 2)
    assert torch.isfinite(part.losses(ctx)["cross_entropy"])
