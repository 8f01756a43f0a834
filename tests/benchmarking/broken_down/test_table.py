"""What the tables of a score's parts show."""

from dagen.benchmarking.broken_down.parts import Parts
from dagen.benchmarking.broken_down.table import tables
from dagen.benchmarking.tables.tables import Value, markdown


def _parts(row: str, seed: int, found: float, **other: object) -> Parts:
    values: dict[str, object] = {
        "row": row, "model": "enet", "task": "binary", "seed": seed, "source": "resortit",
        "target": "taco", "axes": {}, "run": f"{row}-{seed}", "weights": "w",
        "classes": ("background", "waste"), "confusion": [[90, 10], [int(40 * (1 - found)), 40]],
        "sizes": {"> 8 %": {"objects": 3, "found": found, "right": found / 2}},
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


def test_with_several_classes_an_object_counts_by_its_own() -> None:
    several = _parts(
        "adabn", 0, 0.5, task="material", classes=("background", "paper", "bottle"),
        confusion=[[1, 0, 0], [0, 1, 3], [0, 0, 0]],
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
