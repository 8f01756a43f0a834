"""The picks of validators as rows of text."""

from dataclasses import replace

from dagen.runs import picks
from dagen.runs.selection import Candidate, Pick, Selection

SELECTION = Selection(
    select="snd", step=20, scored_on="taco", forwards_per_candidate=160,
    not_applicable={"dev": "too little overlap."},
    picks={"last": Pick(40, 40.0, 0.31, 0.11, 0.042), "snd": Pick(20, 0.25, 0.3, 0.152, 0.0)},
    candidates=(),
)  # fmt: skip


def test_a_pick_is_told_by_its_worth_on_the_target() -> None:
    heads, rows = picks.table(SELECTION, "material")
    assert heads == ["step", "its own score", "foreground mIoU", "waste IoU", "regret"]
    assert rows["last"] == ["40", "", "11.0", "31.0", "4.2"]
    assert rows["snd"] == ["20", "0.2500", "15.2", "30.0", "0.0"]


def test_with_one_kind_of_waste_both_figures_are_one() -> None:
    heads, rows = picks.table(SELECTION, "binary")
    assert heads == ["step", "its own score", "waste IoU", "regret"]
    assert rows["last"] == ["40", "", "31.0", "4.2"]


def test_without_a_background_the_worth_is_the_mean_over_all_classes() -> None:
    scores = {"iou/road": 0.2, "iou/car": 0.1, "miou": 0.15, "foreground_miou": 0.15}
    streets = replace(SELECTION, candidates=(Candidate(20, scores, {}),))
    heads, rows = picks.table(streets, "classes")
    assert heads == ["step", "its own score", "mIoU", "regret"]
    assert rows["snd"] == ["20", "0.2500", "15.2", "0.0"]


def test_without_target_labels_nobody_knows_the_worth() -> None:
    heads, rows = picks.table(replace(SELECTION, scored_on=None), "material")
    assert heads == ["step", "its own score"] and rows["snd"] == ["20", "0.2500"]


def test_what_is_deployed_and_who_could_not_judge() -> None:
    assert picks.told(SELECTION) == [
        "Deployed: step 20, chosen by snd.", "dev does not apply: too little overlap."
    ]  # fmt: skip
