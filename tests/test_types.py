"""Tasks are values, and any number of classes has colours that differ."""

import pickle

import numpy as np
import pytest

from dagen.colours import NAMED, colours_of, series
from dagen.errors import UsageError
from dagen.types import PRESETS, Task


def test_built_in_tasks_are_found_by_name_and_survive_a_pickle() -> None:
    assert [str(task) for task in PRESETS] == ["binary", "material"]
    for task in PRESETS:
        assert Task.named(task.name) == task == pickle.loads(pickle.dumps(task))
        assert task.key == task.name and task.foreground.start == 1
    with pytest.raises(UsageError, match="did you mean 'binary'"):
        Task.named("binry")


def test_a_street_has_no_background() -> None:
    street = Task("classes", ("road", "car", "sky"), background=False)
    assert [*street.foreground] == [0, 1, 2]
    others = [Task("classes", ("road", "car", "sky")), Task("classes", ("road", "sky", "car"))]
    assert len({street.key, *(other.key for other in others)}) == 3


@pytest.mark.parametrize(
    ("classes", "colours", "message"),
    [
        (("one",), (), "2 to 255 classes"),
        (tuple(map(str, range(256))), (), "2 to 255 classes"),
        (("a", "A"), (), "must differ"),
        (("a", " "), (), "not be empty"),
        (("a", "b"), ((0, 0, 0),), "1 colours for 2 classes"),
    ],
)
def test_what_cannot_be_a_task_is_refused(
    classes: tuple[str, ...], colours: tuple[tuple[int, int, int], ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        Task("classes", classes, colours)


def test_every_class_has_its_own_colour_and_a_built_in_one_keeps_its_own() -> None:
    for count in (3, 19, 255):
        assert len({*colours_of([str(i) for i in range(count)])}) == count
    assert colours_of(("background", "can", "paper")) == (
        NAMED["background"], (213, 94, 0), NAMED["paper"]
    )  # fmt: skip
    assert colours_of(("can", "waste"))[0] != NAMED["waste"]


def test_the_first_colours_are_far_from_each_other() -> None:
    first = np.array(series()[:19], np.float64)
    apart = np.linalg.norm(first[:, None] - first[None], axis=-1) + 255 * np.eye(19)
    assert apart.min() > 45
