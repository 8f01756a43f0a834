"""Whole runs that learn from a teacher: its record, its failures, and which images it sees."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.maps.teachers.onnx_file import OnnxMap
from dagen.engine.run import run
from dagen.errors import DagenError, DataError, UsageError
from dagen.models.layers.pretrained import EFFICIENTNET_LITE0
from dagen.runs import results
from dagen.runs.config import Config, from_mapping
from dagen.runs.history import read_records
from dagen.runs.plan import plan_run
from dagen.runs.runtime import Runtime
from dagen.system.sealing import unsealed
from dagen.types import Task
from tests import tiny
from tests.engine.interrupting import interrupted
from tests.teachers import write_onnx


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    return write_onnx(tmp_path / "bright.onnx")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    tiny.make_resortit(root, train=4, val=1)
    tiny.make_folder(root, train=5, val=3)
    return root


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that teachers are shown; the cache of maps is empty."""
    monkeypatch.setenv("DAGEN_CACHE", str(tmp_path / "cache"))
    names: list[str] = []
    plain = OnnxMap.make

    def make(self: OnnxMap, image: np.ndarray, name: str) -> np.ndarray:
        names.append(name)
        return plain(self, image, name)

    monkeypatch.setattr(OnnxMap, "make", make)
    return names


def small(teacher: object, **values: object) -> Config:
    own = {"maps": str(teacher), "paste": 0.7}
    own.update(values.pop("own", {}))  # type: ignore[call-overload]
    return from_mapping(
        {
            "src": "resortit", "tgt": "folder", "model": "enet", "width": 0.25, "task": "material",
            "size": [32, 32], "steps": 3, "batch": 4, "source_batch": 2, "warmup": 1,
            "method": "teacher", "augment": "strong", "parts": {"teacher": own}, **values,
        }
    )  # fmt: skip


def test_the_teachers_digest_stands_in_the_record(teacher: Path, runtime: Runtime) -> None:
    result = run(small(teacher), runtime)
    known = result.teachers
    assert known is not None and list(known) == [str(teacher)]
    assert unsealed(json.loads((result.folder / "teachers.json").read_text())) == known
    loaded = results.load(result.folder)
    assert loaded is not None and loaded.teachers == known
    tags = {}
    for record in read_records(result.folder):
        if record["kind"] == "tags":
            tags.update(dict(record["values"]))
    assert json.loads(tags["teachers"]) == known


def test_a_kept_map_of_a_folder_is_not_given_to_another_image(
    data: Path, tmp_path: Path, runtime: Runtime, seen: list[str]
) -> None:
    photos = data / "photos"
    shutil.copytree(data / "folder" / "images" / "train", photos)
    maps = tmp_path / "maps"
    maps.mkdir()
    for number, path in enumerate(sorted(photos.iterdir())):
        with Image.open(path) as picture:
            grey = picture.convert("L")
        grey.save(maps / f"{path.stem}.png")
        grey.convert("RGB").point(lambda v, n=number: (v + n + 1) % 256).save(path)
    run(small(maps), runtime)
    with pytest.raises(DataError, match="would be the map of"):
        run(small(maps, extra_tgt=["photos"]), runtime)


@pytest.mark.parametrize(
    ("own", "values", "message"),
    [
        ({}, {"extra_tgt": ["copies"]}, r"extra_tgt names 'copies', and 3 of its 3 .* folder val"),
        ({}, {"extra_src": ["twin"]}, r"extra_src names 'twin', and 2 of its 2 .* folder val"),
        ({"empty": "copies"}, {}, r"scenes without objects come from 'copies', and 1 of its 1"),
        ({"empty": "folder"}, {}, r"teacher\.empty names 'folder', which this run trains on"),
        ({"empty": "resortit"}, {}, r"teacher\.empty names 'resortit', which this run trains on"),
    ],
)
def test_copies_of_what_is_scored_may_not_teach(
    own: dict[str, object], values: dict[str, object], message: str,
    teacher: Path, data: Path, runtime: Runtime,
) -> None:  # fmt: skip
    for number, path in enumerate(sorted((data / "folder" / "images" / "val").iterdir())):
        (data / "copies").mkdir(exist_ok=True)
        shutil.copy(path, data / "copies" / f"holiday{number}{path.suffix}")
    for kind in ("images", "masks"):
        shutil.copytree(data / "folder" / kind / "val", data / "twin" / kind)
    names = ", ".join(f'"{k}" = "{name}"' for k, name in enumerate(Task.MATERIAL.classes))
    (data / "twin" / "dagen.toml").write_text(
        'kind = "folder"\nimages = "images"\nmasks = "masks"\n'
        f"ids = {{{names}}}\nsplits = {{val = 0.3}}\n"
    )
    with pytest.raises(UsageError, match=message):
        run(small(teacher, own=own, **values), runtime)


def test_a_copy_of_an_image_to_learn_from_is_harmless(
    teacher: Path, data: Path, runtime: Runtime
) -> None:
    shutil.copytree(data / "folder" / "images" / "train", data / "more")
    assert run(small(teacher, extra_tgt=["more"]), runtime).scores


def test_a_teacher_of_other_classes_is_one_line(tmp_path: Path, runtime: Runtime) -> None:
    three = write_onnx(tmp_path / "three.onnx", channels=3)
    with pytest.raises(UsageError, match=r"answers 3 channels, and this run segments 5 classes"):
        run(small(three, own={"paste": 0}), runtime)


def test_an_input_is_for_an_onnx_file() -> None:
    for maps in ("u2netp", "salience"):
        with pytest.raises(UsageError, match=rf"teacher\.input says .* names {maps}; leave it out"):
            plan_run(small(maps, own={"input": {"size": [64, 64]}}))


def test_another_file_under_the_same_name_is_refused(teacher: Path, runtime: Runtime) -> None:
    with interrupted(2):
        run(small(teacher), replace(runtime, save_every=1))
    content = teacher.read_bytes()
    write_onnx(teacher, scale=0.5)
    with pytest.raises(UsageError, match=r"began with another file of the teacher .*--fresh"):
        run(small(teacher), runtime)
    teacher.write_bytes(content)
    resumed = run(small(teacher), runtime)
    whole = run(small(teacher), replace(runtime, runs=runtime.runs.with_name("again")))
    assert resumed.model.read_bytes() == whole.model.read_bytes()  # resumed to the bit


def test_only_training_images_are_shown_to_the_teacher(
    teacher: Path, runtime: Runtime, seen: list[str]
) -> None:
    run(small(teacher, candidates=2, select="combined"), runtime)
    assert len(seen) == 5 and all("/train/" in name for name in seen)  # each once
    run(small(teacher, seed=1, size=[64, 64]), runtime)
    assert len(seen) == 5  # another size needs no other map


def test_a_folder_and_a_run_are_teachers_too(
    teacher: Path, runtime: Runtime, tmp_path: Path
) -> None:
    first = run(small(teacher), runtime)
    assert runtime.data_root is not None
    masks = tmp_path / "made"
    shutil.copytree(runtime.data_root / "folder" / "masks" / "train", masks)
    for maps in (masks, f"run:{first.name}", first.model):
        try:
            result = run(small(maps, own={"channel_wise": 3.0, "dice": 1.0}), runtime)
        except DataError as error:  # the masks hold ids of materials
            assert maps == masks and "masks hold 0 and 1" in str(error)
        else:
            assert result.teachers is not None
            assert maps == masks or "network/1" in str(result.teachers)
    with pytest.raises(UsageError, match=r"segments background, aluminium.* same classes"):
        run(small(first.model, task="binary"), runtime)


def test_what_is_wrong_with_a_teacher_comes_before_any_work(
    teacher: Path, runtime: Runtime
) -> None:
    for maps, message in (
        (teacher.with_name("no.onnx"), "cannot be read"),
        ("u2net", "unknown teacher 'u2net'; did you mean 'u2netp'"),
        ("run:none", "none"),
    ):
        with pytest.raises(DagenError, match=message) as error:
            run(small(maps), runtime)
        assert "\n" not in str(error.value)
    teacher.write_bytes(b"not a network")
    with pytest.raises(DataError, match="damaged or no ONNX file"):
        run(small(teacher), runtime)
    assert not [*runtime.runs.glob("*/config.json")]


def test_every_photograph_is_shown_mirrored_once_more_and_both_maps_are_kept(
    teacher: Path, runtime: Runtime, seen: list[str]
) -> None:
    result = run(small(teacher, own={"mirrored": True}), runtime)
    assert len(seen) == 10 and all("/train/" in name for name in seen)
    known = result.teachers
    assert known is not None and known.keys() == {str(teacher), f"mirrored:{teacher}"}
    assert known[f"mirrored:{teacher}"] == f"mirrored/1 {known[str(teacher)]}"
    assert result.seen == ("teacher bright.onnx",)
    run(small(teacher, own={"mirrored": True}, seed=1), runtime)
    run(small(teacher), runtime)
    assert len(seen) == 10  # the plain maps are shared, too


@pytest.fixture
def needs_imagenet() -> None:
    if EFFICIENTNET_LITE0.find() is None:
        pytest.skip("the ImageNet weights are not installed")


@pytest.mark.usefixtures("needs_imagenet")
def test_named_regions_are_taught_with_all_classes(
    teacher: Path, runtime: Runtime, seen: list[str]
) -> None:
    own = {"maps": f"named:{teacher}", "foreground": "largest"}
    result = run(small(teacher, own=own, candidates=2, select="combined"), runtime)
    assert len(seen) == 5 and all("/train/" in name for name in seen)  # where is asked once each
    assert result.teachers is not None
    digest = result.teachers[f"named:{teacher}"]
    assert digest.startswith("named/1 ") and " of onnx/1 " in digest
    assert result.seen == ("ImageNet", "teacher bright.onnx")
    again = run(small(teacher, own=own | {"mirrored": True}, seed=1), runtime)
    assert len(seen) == 10  # mirrored photographs; the plain maps are shared
    assert again.teachers is not None and again.teachers[f"named:{teacher}"] == digest


@pytest.mark.usefixtures("needs_imagenet")
def test_what_has_no_names_is_refused_before_any_work(teacher: Path, runtime: Runtime) -> None:
    own = {"maps": f"named:{teacher}"}
    with pytest.raises(UsageError, match=r"segments background, waste; .* without named:"):
        run(small(teacher, own=own, task="binary"), runtime)
    with pytest.raises(DagenError, match="unknown teacher 'u2net'; did you mean 'u2netp'"):
        run(small(teacher, own={"maps": "named:u2net"}), runtime)
    assert not [*runtime.runs.glob("*/config.json")]
