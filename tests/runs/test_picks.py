"""The picks of validators as rows of text."""

from dataclasses import replace

from dagen.runs import picks
from dagen.runs.selection import Pick, Selection

SELECTION = Selection(
    select="snd", step=20, scored_on="taco", forwards_per_candidate=160,
    not_applicable={"dev": "too little overlap."},
    picks={"last": Pick(40, 40.0, 0.31, 0.11, 0.042), "snd": Pick(20, 0.25, 0.3, 0.152, 0.0)},
    candidates=(),
)  # fmt: skip


def test_a_pick_is_told_by_its_worth_on_the_target() -> None:
    heads, rows = picks.table(SELECTION, "material")
    assert heads == ["step", "its own score", "waste IoU", "foreground mIoU", "regret"]
    assert rows["last"] == ["40", "", "31.0", "11.0", "4.2"]
    assert rows["snd"] == ["20", "0.2500", "30.0", "15.2", "0.0"]


def test_with_one_kind_of_waste_both_figures_are_one() -> None:
    heads, rows = picks.table(SELECTION, "binary")
    assert heads == ["step", "its own score", "waste IoU", "regret"]
    assert rows["last"] == ["40", "", "31.0", "4.2"]


def test_without_target_labels_nobody_knows_the_worth() -> None:
    heads, rows = picks.table(replace(SELECTION, scored_on=None), "material")
    assert heads == ["step", "its own score"] and rows["snd"] == ["20", "0.2500"]


def test_what_is_deployed_and_who_could_not_judge() -> None:
    assert picks.told(SELECTION) == [
        "Deployed: step 20, chosen by snd.", "dev does not apply: too little overlap."
    ]  # fmt: skip
