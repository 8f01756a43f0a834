"""Learning curves: which tables have them, in which order their points stand, and what is drawn."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from dagen.benchmarking.tables.baseline_panels import drawn_as_curves, panels
from dagen.benchmarking.tables.baselines import tables
from dagen.benchmarking.tables.figure import draw
from dagen.benchmarking.tables.learning_curves import axis_of
from dagen.benchmarking.tables.learning_curves import draw as draw_curves
from dagen.benchmarking.tables.records import Record
from tests.benchmarking.tables import made


def records() -> list[Record]:
    """Two rows at three numbers of labels; the second row lacks one point."""
    return [
        made.record(
            row, seed=seed, target=None, axes={"source_labels": labels}, run=f"{row}{labels}{seed}",
            scores={"resortit": {"waste_iou": mean + 0.1 * seed}},
        )
        for row, labels, mean in (
            ("alone", "all", 0.5), ("alone", 48, 0.1), ("alone", 120, 0.3),
            ("after rotation", 48, 0.2), ("after rotation", "all", 0.6),
        )
        for seed in range(3)
    ]  # fmt: skip


def test_points_stand_in_order_and_scores_are_means_over_the_seeds() -> None:
    (found,) = drawn_as_curves(records())
    assert found.points == ["48", "120", "all"] and found.counted == "source labels"
    assert list(found.lines) == ["alone", "after rotation"]
    alone = [at and round(at.mean, 6) for at in found.lines["alone"]]
    assert alone == pytest.approx([0.2, 0.4, 0.6])
    assert found.lines["after rotation"][1] is None
    assert panels(records()) == []  # the same table is not drawn twice


def test_gains_over_the_first_row_are_told_for_each_number_of_labels() -> None:
    every = [
        made.record(
            row, seed=seed, target=None, axes={"source_labels": labels}, run=f"{row}{labels}{seed}",
            scores={"resortit": {"foreground_miou": 0, "waste_iou": 0.2 + 0.1 * seed + gain}},
        )
        for row, labels, gains in (
            ("alone", 48, (0, 0, 0)), ("after rotation", 48, (0.01, 0.02, 0.03)),
            ("alone", "all", (0, 0, 0)), ("after rotation", "all", (-0.02, -0.02, -0.02)),
        )
        for seed, gain in enumerate(gains)
    ]  # fmt: skip
    notes = tables(every)[0].notes
    assert notes[-2].endswith("with 48 source labels, in points, seed by seed with its 95 % "
                              "t-interval: after rotation +2.0 ± 2.5.")  # fmt: skip
    assert notes[-1].startswith("Gain in waste IoU over alone with all source labels")
    assert notes[-1].endswith("after rotation -2.0 ± 0.0.")


def test_gains_are_over_the_same_network() -> None:
    def some(*lines: tuple[str, str, float]) -> list[Record]:
        return [
            made.record(
                row, model=model, target=None, axes={"source_labels": labels},
                run=f"{model}{row}{labels}", scores={"resortit": {"waste_iou": score}},
            )
            for model, row, score in lines
            for labels in (48, "all")
        ]  # fmt: skip

    taught = some(("icnet", "teacher", 0.9), ("enet", "alone", 0.5), ("enet", "taught", 0.6))
    told = [note for note in tables(taught)[0].notes if note.startswith("Gain")]
    assert len(told) == 2
    assert all("over ENet, alone with" in note for note in told)
    assert all(note.endswith("t-interval: ENet, taught +10.0.") for note in told)
    networks = some(("icnet", "supervised", 0.9), ("enet", "supervised", 0.5))
    told = [note for note in tables(networks)[0].notes if note.startswith("Gain")]
    assert len(told) == 2 and all(note.endswith(": ENet -40.0.") for note in told)


def test_one_number_of_labels_is_no_curve() -> None:
    some = [r for r in records() if r.axes["source_labels"] == 48]
    assert axis_of(some) is None and drawn_as_curves(some) == []
    assert len(panels(some)) == 1
    assert axis_of([made.record()]) is None


def test_each_row_is_a_line_with_its_intervals() -> None:
    (found,) = drawn_as_curves(records())
    axes = Figure().subplots()
    draw_curves(axes, found)
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == list(found.lines)
    assert [text.get_text() for text in axes.get_xticklabels()] == ["48", "120", "all"]
    bars = [bar for bar in axes.containers if isinstance(bar, ErrorbarContainer)]
    lines = [np.asarray(bar.lines[0].get_ydata(), float) for bar in bars]
    assert list(lines[0]) == pytest.approx([20, 40, 60])
    assert list(lines[1]) == pytest.approx([30, 70])
    assert draw([], [found])[:8] == b"\x89PNG\r\n\x1a\n"
    assert draw([], [found]) == draw([], [found])
