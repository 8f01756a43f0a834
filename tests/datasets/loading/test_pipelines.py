"""Named pipelines and a user's own: what moves with what, and what is refused."""

import numpy as np
import pytest

from dagen.datasets.loading import pipelines
from dagen.datasets.loading.pipelines import Pipeline, check, descriptions, expanded
from dagen.errors import UsageError
from dagen.runs.config import from_mapping
from dagen.runs.plan import plan_run

RESIZED = {"soft": "bilinear", "hard": "nearest"}


def sample() -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:  # type: ignore[type-arg]
    """A bright square on a dark ground; label and maps show the same square."""
    label = np.zeros((48, 64), np.uint8)
    label[10:26, 12:40] = 2
    image = np.repeat(np.where(label > 0, 230, 20).astype(np.uint8)[..., None], 3, 2)
    soft = (label > 0).astype(np.float32)
    return image, label, {"soft": soft, "hard": label * 100}


def run(augment: pipelines.Augment, seed: int = 0):  # type: ignore[no-untyped-def]
    found = Pipeline(augment)
    image, label, maps = sample()
    return found(image, label, maps, RESIZED, [seed + k for k in range(len(found))])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(descriptions()))
def test_named_pipelines_work_and_repeat_by_their_seed(name: str) -> None:
    check(name)
    first, again, other = run(name), run(name), run(name, 7)
    for one, two in (
        (first[0], again[0]),
        (first[1], again[1]),
        (first[2]["soft"], again[2]["soft"]),
    ):
        assert np.array_equal(one, two)
    assert first[0].shape == (48, 64, 3) and first[0].dtype == np.uint8
    assert set(np.unique(first[1])) <= {0, 2} and first[1].dtype == np.uint8
    if name != "none":
        assert any(not np.array_equal(run(name, seed)[0], other[0]) for seed in range(8))


@pytest.mark.parametrize("name", ["geometric", "both"])
def test_label_and_maps_move_with_the_image(name: str) -> None:
    moved = 0
    for seed in range(12):
        image, label, maps = run("geometric", seed)
        bright = image.mean(2) > 125
        assert ((label == 2) == bright).mean() > 0.97
        assert ((maps["soft"] > 0.5) == bright).mean() > 0.97
        assert np.array_equal(maps["hard"] > 0, label == 2)
        moved += not np.array_equal(label, sample()[1])
    assert moved > 6


def test_colours_leave_the_label_alone() -> None:
    for seed in range(5):
        image, label, maps = run("photometric", seed)
        assert np.array_equal(label, sample()[1]) and np.array_equal(
            maps["soft"], sample()[2]["soft"]
        )
    assert not np.array_equal(image, sample()[0])


def test_places_from_outside_the_image_are_ignored() -> None:
    turn = ({"name": "Affine", "translate_percent": [0.3, 0.3], "p": 1.0},)
    _, label, maps = run(turn)
    assert (label[:10] == 255).all() and not maps["soft"][:10].any()
    own = ({"name": "Affine", "translate_percent": [0.3, 0.3], "p": 1.0, "fill_mask": 1},)
    assert (run(own)[1][:10] == 1).all()


def test_names_and_transforms_can_be_listed_in_any_order() -> None:
    flip = {"name": "HorizontalFlip", "p": 1.0}
    listed = ["camera", flip, {"name": "OneOf", "p": 1.0, "transforms": [flip, flip]}, "strong"]
    check(tuple(listed))
    assert len(Pipeline(tuple(listed))) == 3  # camera, both flips, strong
    _, label, _ = run((flip,))
    assert np.array_equal(label, sample()[1][:, ::-1])
    assert expanded("both") == expanded("geometric+photometric")
    assert expanded("none") == [] and expanded("none+camera") == ["camera"]


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ("geometri", "unknown augmentation 'geometri'; did you mean 'geometric'"),
        (("strong", 3), "augment has 3; write the name of a pipeline"),
        (({"p": 1},), "write the name of a pipeline, or a transform with its name"),
        (({"name": "Afine"},), "transform of albumentations 'Afine'; did you mean 'Affine'"),
        (({"name": "Affine", "rotat": 3},), "unknown argument of Affine 'rotat'; did you mean"),
        (({"name": "Affine", "rotate": "much"},), "augment: Affine: rotate"),
        (({"name": "RandomCrop", "height": 8, "width": 8},), "RandomCrop changes the size"),
        (({"name": "D4"},), "D4 changes the size"),
        (({"name": "MaskDropout"},), "MaskDropout does not work on an image"),
        (({"name": "CropAndPad"},), "CropAndPad: Value error, Both px and percent"),
        (({"name": "Resize"},), "augment: Resize: height is missing; give it."),
        (({"name": "BasicTransform"},), "unknown transform of albumentations 'BasicTransform'"),
        (({"name": "OneOf", "transforms": []},), "OneOf needs transforms"),
        (({"name": "OneOf", "transforms": ["both"]},), "OneOf holds 'both'"),
    ],
)
def test_a_wrong_pipeline_is_one_clear_line(augment: pipelines.Augment, message: str) -> None:
    with pytest.raises(UsageError) as error:
        check(augment)
    assert message in str(error.value)


def test_a_quarter_turn_needs_a_square_size() -> None:
    turns: pipelines.Augment = ({"name": "OneOf", "transforms": [{"name": "RandomRotate90"}]},)
    check(turns, (32, 32))
    with pytest.raises(UsageError, match="RandomRotate90 changes the size"):
        plan_run(from_mapping({"augment": list(turns), "size": [32, 64]}))


def test_a_transform_that_gives_the_training_size_is_no_change_of_size() -> None:
    """Windows drawn by albumentations are fine if they have the size of the run."""
    window = {"name": "RandomResizedCrop", "size": [32, 96], "scale": [0.5, 1.0]}
    plan_run(from_mapping({"augment": [window], "size": [32, 96]}))
    with pytest.raises(UsageError, match="RandomResizedCrop changes the size"):
        plan_run(from_mapping({"augment": [window], "size": [32, 64]}))


@pytest.mark.parametrize(
    ("augment", "turns"),
    [
        ("both", "VerticalFlip"),
        ("photometric+strong", None),
        ([{"name": "Affine", "rotate": [-20, 20]}, {"name": "HorizontalFlip"}], None),
        ([{"name": "Affine", "rotate": [0, 90]}], "Affine"),
        ([{"name": "OneOf", "transforms": [{"name": "Rotate"}]}], "Rotate"),
    ],
)
def test_rotation_is_not_learnt_from_images_that_are_turned_anyhow(
    augment: pipelines.Augment, turns: str | None
) -> None:
    """An image that is upside down in half of the cases has no right answer."""
    asked = {"src": "resortit-synth", "augment": augment, "size": [32, 64]}
    plan_run(from_mapping({**asked, "method": "inpainting"}))
    config = from_mapping({**asked, "method": "rotation"})
    if turns is None:
        plan_run(config)
        return
    with pytest.raises(UsageError, match=f"augment has {turns}, and rotation learns to tell"):
        plan_run(config)


def test_a_table_holds_transforms_and_how_windows_are_drawn() -> None:
    flip = {"name": "HorizontalFlip"}
    table = {"transforms": ["both", flip], "mirror": False, "random_window": False}
    config = from_mapping({"augment": table})
    assert config.augment == ("both", flip) and not config.mirror and not config.random_window
    assert from_mapping(config.to_dict()) == config
    assert "mirror" not in from_mapping({"augment": "both"}).to_dict()  # old runs keep their names
    with pytest.raises(UsageError, match="unknown key of augment 'mirrored'"):
        from_mapping({"augment": {"mirrored": False}})
    with pytest.raises(UsageError, match="augment is 3: write the name"):
        from_mapping({"augment": 3})
    with pytest.raises(UsageError, match="did you mean 'Affine'"):
        plan_run(from_mapping({"src": "resortit-synth", "augment": [{"name": "Afine"}]}))
    still = {"random_window": False, "rare_class_sampling": 0.01}
    with pytest.raises(UsageError, match="random_window is false"):
        plan_run(from_mapping({"src": "resortit-synth", **still}))
