"""The two tables of the course project, in exactly their form."""

from dagen.benchmarking.tables.baselines import tables
from dagen.benchmarking.tables.tables import markdown
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
