"""What the tables of a score's parts show."""

from pathlib import Path

from dagen.benchmarking.broken_down.parts import Parts, read, save
from dagen.benchmarking.broken_down.table import tables
from dagen.benchmarking.tables.tables import Value, markdown
from dagen.scoring.found_objects import SIZES


def _parts(row: str, seed: int, found: float, **other: object) -> Parts:
    values: dict[str, object] = {
        "row": row, "model": "enet", "task": "binary", "seed": seed, "source": "resortit",
        "target": "taco", "axes": {}, "run": f"{row}-{seed}", "weights": "w",
        "classes": ("background", "waste"), "confusion": [[90, 10], [int(40 * (1 - found)), 40]],
        "sizes": {"> 8 %": {"objects": 3, "found": found, "right": found}},
        "scenes": {"street": {"images": 2, "waste_iou": found, "foreground_miou": found}},
        "commit": "c0ffee",
    }  # fmt: skip
    return Parts(**{**values, **other})  # type: ignore[arg-type]


def test_seeds_are_averaged_and_rows_stand_apart() -> None:
    by_size, by_scene, by_class = tables(
        [_parts("adabn", 0, 0.5), _parts("adabn", 1, 0.7), _parts("best", 0, 1.0)]
    )
    assert by_size.columns == ("network", "row", "> 8 % (3)")
    assert [row[:2] for row in by_size.rows] == [("enet", "adabn"), ("enet", "best")]
    first = by_size.rows[0][2]
    assert isinstance(first, Value) and round(first.mean, 6) == 60 and first.spread is not None
    assert "| enet | best | 100.0 |" in markdown(by_scene)
    assert by_scene.columns[2] == "street (2)"
    assert "| enet | best | background | 90.0 | 10.0 |" in markdown(by_class)
    assert "| enet | best | waste | 0.0 | 100.0 |" in markdown(by_class)


def test_sizes_and_scenes_keep_their_order_in_a_file(tmp_path: Path) -> None:
    """A file sorts its keys by letter, where ``< 0.1 %`` comes behind ``2–8 %``."""
    one = {"objects": 3, "found": 0.5, "right": 0.5}
    scenes = {f"s{i}": {"images": i, "waste_iou": 0.1} for i in range(1, 11)}
    parts = _parts("adabn", 0, 0.5, sizes=dict.fromkeys(SIZES, one), scenes=scenes)
    save(tmp_path / "lines.jsonl", [parts])
    by_size, by_scene, _ = tables(read(tmp_path / "lines.jsonl"))
    assert by_size.columns[2:] == tuple(f"{name} (3)" for name in SIZES)
    assert by_scene.columns[2:] == tuple(f"s{i} ({i})" for i in range(10, 2, -1))


def test_tables_name_no_folder_of_this_machine_and_need_objects() -> None:
    own = _parts("adabn", 0, 0.5, source="pictures/belt", target=None, sizes={}, scenes={})
    assert [table.title for table in tables([own])] == ["By class, binary, belt"]
    away = _parts("adabn", 0, 0.5, source="pictures/belt", target="pictures/yard")
    assert all(table.title.endswith("binary, belt to yard") for table in tables([away]))


def test_without_a_background_two_classes_are_told_apart() -> None:
    """All of an object is "foreground" there, whatever is predicted."""
    streets = _parts(
        "adabn", 0, 0.5, task="classes", classes=("road", "sky"),
        sizes={"> 8 %": {"objects": 3, "found": 1.0, "right": 0.25}},
    )  # fmt: skip
    by_size = tables([streets])[0]
    assert "| enet | adabn | 25.0 |" in markdown(by_size)
    assert "predicted as its class" in by_size.notes[0]


def test_with_several_classes_an_object_counts_by_its_own() -> None:
    several = _parts(
        "adabn", 0, 0.5, task="material",
        sizes={"> 8 %": {"objects": 3, "found": 0.5, "right": 0.25}},
        classes=("background", "paper", "bottle"), confusion=[[1, 0, 0], [0, 1, 3], [0, 0, 0]],
    )  # fmt: skip
    by_size, _, by_class = tables([several])
    assert "| enet | adabn | 25.0 |" in markdown(by_size)
    assert "| enet | adabn | paper | 0.0 | 25.0 | 75.0 |" in markdown(by_class)
    assert "| enet | adabn | bottle | – | – | – |" in markdown(by_class)


def test_scenes_need_tags_and_rare_ones_are_left_out() -> None:
    assert [t.title for t in tables([_parts("adabn", 0, 0.5, scenes={})])] == [
        "By size of the object, binary, resortit to taco", "By class, binary, resortit to taco",
    ]  # fmt: skip
    many = {f"s{i}": {"images": 20 - i, "miou": 0.1} for i in range(10)}
    _, by_scene, _ = tables([_parts("adabn", 0, 0.5, scenes=many)])
    assert len(by_scene.columns) == 2 + 8
    assert "2 rarer scenes are left out." in by_scene.notes[0]
    assert "| enet | adabn | – |" in markdown(by_scene)
