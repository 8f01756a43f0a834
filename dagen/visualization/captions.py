"""The captions of figures: what was run, on which data, with which seed."""

from __future__ import annotations

from dagen.runs import describe
from dagen.version import __version__
from dagen.visualization.networks import Checkpoint
from dagen.visualization.survey import Side, Survey


def networks(checkpoints: list[Checkpoint]) -> str:
    """Each network: its title, and how it was trained."""
    return "; ".join(f"{c.title}: {_trained(c)}" for c in checkpoints)


def _trained(c: Checkpoint) -> str:
    card = c.card
    if card.run:
        return describe.in_brief(card.run)
    size = describe.text(card.size)
    return f"{card.model}, {card.task}, {size}, its file does not say how it was trained"


def data(sides: tuple[Side, ...] | list[Side]) -> str:
    """Which images were used."""
    return " and ".join(side.told for side in sides)


def of_map(survey: Survey) -> str:
    """The caption of the feature map."""
    count = len(survey.points)
    drawn = "balanced over classes and domains"
    if not survey.labelled:
        drawn = f"of any class, because {survey.sides[1].name} has no labels"
    return (
        f"UMAP of dense features, one map for all networks: {count * len(survey.checkpoints):,} "
        f"points, the same {count:,} pixels in each, {drawn}, drawn "
        f"from {data(survey.sides)}, seed {survey.seed}. {networks(survey.checkpoints)}. "
        f"The map is not evidence; the numbers are measured on the features themselves. "
        f"{version()}"
    )


def of_figure(what: str, survey: Survey, sides: list[Side] | None = None) -> str:
    """The caption of any other figure.

    Args:
        what: one sentence on what is drawn, with its full stop.
        survey: what the figure is drawn from.
        sides: the images that it shows; None is both domains.
    """
    shown = list(survey.sides) if sides is None else sides
    return (
        f"{what} Measured on {data(shown)}, at the labels' own resolution. "
        f"{networks(survey.checkpoints)}. {version()}"
    )


def version() -> str:
    """The version of dagen that drew the figure."""
    return f"dagen {__version__}."
