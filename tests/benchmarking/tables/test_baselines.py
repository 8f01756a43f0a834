"""The two tables of the course project, in exactly their form."""

from typing import Any

import pytest

from dagen.benchmarking.tables.baseline_panels import panels
from dagen.benchmarking.tables.baselines import tables
from dagen.benchmarking.tables.tables import Value, as_csv, markdown
from dagen.errors import DagenError
from dagen.runs.findings import FalseAlarms
from tests.benchmarking.tables import made


def test_the_two_tables() -> None:
    records = [
        made.record("supervised", seed=seed, model=model, task=task, target=None)
        for seed in (0, 1)
        for model in ("icnet", "bisenet", "enet")
        for task in ("binary", "material")
    ]
    binary, material = map(markdown, tables(records))
    assert binary.splitlines()[2:7] == [
        "|  | Object (mIoU) | FLOPS | #parameters | Model size (MB) |",
        "|---|---:|---:|---:|---:|",
        "| ICNet | 90.0 ± 0.0 | 0.36 G | 363,044 | 1.54 |",
        "| BiSeNet | 90.0 ± 0.0 | 0.36 G | 363,044 | 1.54 |",
        "| ENet | 90.0 ± 0.0 | 0.36 G | 363,044 | 1.54 |",
    ]
    assert material.splitlines()[2:5] == [
        "|  | Paper | Bottle | Aluminum | Nylon | avg. mIoU |",
        "|---|---:|---:|---:|---:|---:|",
        "| ICNet | 45.0 ± 0.0 | 45.0 ± 0.0 | 45.0 ± 0.0 | 45.0 ± 0.0 | 90.0 ± 0.0 |",
    ]
    assert "two per multiply-accumulate" in binary and "160x160" in binary
    assert "with the background, mIoU is ICNet 95.0" in binary
    assert "The same budget for all networks: 100 steps" in material


def test_rows_and_axes_have_lines_of_their_own_and_only_seeds_are_averaged() -> None:
    records = [
        made.record(
            row, 0.2, seed, target=None, axes={"lr": lr, "size": [32, 64]}, config={"lr": lr},
            run=f"{row}-{lr}-{seed}",
        )
        for row in ("plain", "strong")
        for lr in (0.1, 0.2)
        for seed in (0, 1)
    ]  # fmt: skip
    (found,) = tables(records)
    assert found.columns[:4] == ("", "row", "lr", "size") and found.labels == 4
    assert [row[:4] for row in found.rows] == [
        ("ENet", row, lr, "32x64") for row in ("plain", "strong") for lr in ("0.1", "0.2")
    ]
    assert [panel.title for panel in panels(records)] == ["Binary segmentation"]
    assert next(iter(panels(records)[0].rows)) == "ENet, plain, lr 0.1, size 32x64"


def test_names_with_commas_stay_apart_in_sentences() -> None:
    """The network is left out where it says nothing, and a comma in a name ends no entry."""
    records = [
        made.record(row, 0.2, seed, target=None, task="material", run=f"{row}-{seed}")
        for row in ("cross-entropy", "focal, gamma 1", "focal, gamma 2")
        for seed in (0, 1)
    ]
    notes = "\n".join(tables(records)[0].notes)
    assert "mIoU is cross-entropy 95.0 ± 0.0; focal, gamma 1 95.0 ± 0.0; focal, gamma 2" in notes
    assert "no row is clearly behind cross-entropy" in notes and "ENet" not in notes


def test_lines_of_another_budget_are_marked_and_flops_are_those_of_each_size() -> None:
    records = [
        made.record(
            seed=seed, target=None, axes={"size": [side, side]}, config={"size": [side, side]},
            profile={**made.PROFILE, "flops": side * 10**6}, run=f"{side}-{seed}",
        )
        for side, seeds in ((128, (0, 1)), (256, (0, 1)))
        for seed in seeds
    ]  # fmt: skip
    (found,) = tables(records)
    page = markdown(found)
    assert "| ENet | 128x128 | 90.0 ± 0.0 | 0.13 G |" in page
    assert "| ENet* | 256x256 | 90.0 ± 0.0 | 0.26 G |" in page
    assert "Rows marked * differ: ENet, size 256x256" in page
    assert "for one image of the line's own size" in page
    listed = as_csv([found])
    assert '"ENet, 128x128",FLOPS (G),0.128,,1' in listed
    assert '"ENet*, 256x256",FLOPS (G),0.256,,1' in listed


def test_other_settings_are_not_averaged() -> None:
    records = [made.record(target=None, seed=i, config={"lr": lr}) for i, lr in enumerate((1, 2))]
    with pytest.raises(DagenError, match=r"'adabn/enet' would average .* lr is 1, 2"):
        tables(records)
    with pytest.raises(DagenError, match="two runs with seed 0"):
        tables([made.record(target=None), made.record(target=None, run="again")])
    started = [made.record(target=None, seed=i, config={"init": f"run:x-{i}"}) for i in (0, 1)]
    assert len(tables(started)[0].rows) == 1  # what they start from has the same seed


def test_a_line_is_bold_only_if_it_is_clearly_ahead() -> None:
    def lines(*means: float, noise: float = 0.0) -> list[Any]:
        return [
            made.record(value=mean + 0.01 * seed + noise * (seed * i % 3), seed=seed,
                        model=f"net{i}", target=None, scores={"resortit": {
                            "foreground_miou": mean + 0.01 * seed + noise * (seed * i % 3),
                            "waste_iou": mean + 0.01 * seed + noise * (seed * i % 3)}})
            for i, mean in enumerate(means, 1)
            for seed in range(3)
        ]  # fmt: skip

    def bold(records: list[Any]) -> list[bool]:
        return [isinstance(row[1], Value) and row[1].best for row in tables(records)[0].rows]

    assert bold(lines(0.5, 0.7, 0.6)) == [False, True, False]
    assert bold(lines(0.5, 0.51, noise=0.2)) == [False, False]
    assert bold([r for r in lines(0.5, 0.9) if r.seed == 0]) == [False, False]
    assert "net2 is clearly ahead" in " ".join(tables(lines(0.5, 0.7))[0].notes)
    assert "no row is clearly behind" in " ".join(tables(lines(0.5, 0.51, noise=0.2))[0].notes)


def test_files_that_are_too_large_are_named() -> None:
    large = made.record(model="big", target=None, profile={**made.PROFILE, "bytes": 10_200_000})
    (found,) = tables([large, made.record(target=None)])
    assert any("10,000,000 bytes" in n and n.endswith(": big.") for n in found.notes)
    assert not any("too large" in n for n in tables([made.record(target=None)])[0].notes)


def test_one_task_has_one_table_and_other_networks_their_own_names() -> None:
    (found,) = tables([made.record(model="mine", target=None)])
    assert found.rows[0][0] == "mine"


def test_false_alarms_are_added_if_they_were_measured() -> None:
    alarms = FalseAlarms("beach", 16, 0.004)
    records = [
        made.record("supervised", model=model, task=task, target=None, false_alarms=known)
        for model, known in (("icnet", alarms), ("enet", None))
        for task in ("binary", "material")
    ]
    for found in tables(records):
        assert found.columns[-1] == "false alarms"
        assert [markdown(found).splitlines()[k].split("|")[-2] for k in (4, 5)] == [" 0.40 ", " – "]
        assert any("16 of beach" in text for text in found.notes)


def test_a_long_table_has_the_mean_with_the_background_as_a_column() -> None:
    """Eight lines have it in a sentence; axes have the last part of their names."""
    records = [
        made.record(target=None, axes={"model_options.depth": depth}, run=f"{depth}")
        for depth in range(9)
    ]
    short, long = tables(records[:8])[0], tables(records)[0]
    assert short.columns[:2] == ("", "depth") and "mIoU with background" not in short.columns
    assert "with the background, mIoU is ENet, depth 0 95.0" in " ".join(short.notes)
    assert long.columns[-1] == "mIoU with background" and "| 95.0 |" in markdown(long)
    assert "mIoU is" not in " ".join(long.notes)
    clash = [made.record(target=None, axes={"a.depth": 1, "b.depth": 2})]
    assert tables(clash)[0].columns[:3] == ("", "a.depth", "b.depth")
