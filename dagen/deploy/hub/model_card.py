"""The model card: what a network is, its data, scores and limits, and what it is not for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dagen.deploy.export import Exported
from dagen.deploy.pictures import data_of
from dagen.models.deployed.card import Card
from dagen.runs import figures
from dagen.version import __version__

if TYPE_CHECKING:
    from dagen.runs.results import RunResult

_KNOWN = {
    "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0",
    "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-3.0", "agpl-3.0", "mpl-2.0", "odbl",
}  # fmt: skip
"""Licences that the Hub knows by these names; it calls all others ``other``."""
LICENCES = {
    "resortit": "BSD licence, Koskinopoulou et al., github.com/kskmar/ReSORT-IT",
    "taco": "CC BY 4.0, Proença and Simões, tacodataset.org, and the photographers that its "
    "annotations name; photographs of OpenLitterMap (batch_14, batch_15) are under the ODbL",
}
"""What is known of the terms of data, by name."""
_UNKNOWN = "for its terms, see whoever published it"


def model_card(
    card: Card,
    exports: Sequence[Exported],
    size: int | None,
    repository: str,
    result: RunResult | None,
    notes: str,
    terms: Mapping[str, str] | None = None,
) -> str:
    """The card as Markdown, with the Hub's header.

    Args:
        card: the deployed file's card.
        exports: the exported files; the first tells the network's cost.
        size: bytes of the deployed file; None if only exported files are shared.
        repository: ``user/name``.
        result: the run that made the network; None if that is not known.
        notes: Markdown to add.
        terms: by name, the terms and origin of data that dagen does not know.
    """
    facts = exports[0].facts
    parts = [
        _header(facts.licence),
        f"# {repository}",
        _what(card, exports, size),
        "## Use\n\n```console\n"
        f'$ pip install "dagen[camera,hub]"\n$ dagen predict {repository} photo.jpg\n```\n\n'
        "The ONNX file takes plain RGB in [0, 1]; normalisation, classes and colours are inside.",
        "## Data\n\n" + data_section(card, terms or {}),
        "## Scores\n\n" + _scores(result, exports),
        "## Limits\n\n" + _limits(card),
        "## Must not be used for\n\n" + _not_for(card),
    ]
    if notes.strip():
        parts.append(f"## Notes\n\n{notes.strip()}")
    parts.append(f"*Written by dagen {__version__}.*")
    return "\n\n".join(parts) + "\n"


def _header(licence: str) -> str:
    plain = licence.lower()
    known = plain in _KNOWN
    lines = [f"license: {plain}"] if known else ["license: other", f'license_name: "{licence}"']
    tags = ["dagen", "semantic-segmentation", "domain-adaptation"]
    lines += ["library_name: dagen", "pipeline_tag: image-segmentation", "tags:"]
    return "\n".join(["---", *lines, *(f"- {tag}" for tag in tags), "---"])


def _what(card: Card, exports: Sequence[Exported], size: int | None) -> str:
    facts, run = exports[0].facts, card.run
    height, width = card.size
    adapted = (
        f" It was trained on labelled images of {run['src']} and adapted to {run['tgt']} "
        f"({' + '.join(run.get('method', ()))}) without labels of it."
        if run.get("tgt") and not run.get("target_labels")
        else ""
    )
    files = []
    if size is not None:
        files.append(f"| `model.safetensors` | {size:,} | weights for dagen and PyTorch |")
    for each in exports:
        files.append(f"| `{each.file.name}` | {each.bytes:,} | ONNX, {each.facts.precision} |")
    return (
        f"A semantic segmentation network ({card.model}) for {height}x{width} images: "
        f"{', '.join(card.kind.classes)}.{adapted} {facts.parameters:,} parameters, "
        f"{facts.macs / 1e6:,.1f} million multiply-accumulates an image. "
        f"Licence of the weights: {facts.licence}.\n\n"
        "| file | bytes | |\n|---|---:|---|\n" + "\n".join(files)
    )


def data_section(card: Card, terms: Mapping[str, str]) -> str:
    """What the network has learned from, and its terms: those of ``terms``, or known ones."""
    known = {**LICENCES, **terms}
    named = [*data_of(card.run), *card.seen]
    if not named:
        return "What it was trained on is not recorded in its file."
    rows = [f"- {name}: {known.get(name, _UNKNOWN)}." for name in dict.fromkeys(named)]
    return "\n".join(rows)


def _scores(result: RunResult | None, exports: Sequence[Exported]) -> str:
    lines = []
    if result is None:
        lines.append("No scores came with this network. Score it: `dagen evaluate`.")
    else:
        task = str(result.config["task"])
        for data, scores in result.scores.items():
            lines.append(f"- {data}: {_told(scores, task)}, in per cent on its labelled images.")
        lines.append(
            "\nBy one confusion matrix over all images, at the labels' own resolution, of the "
            "PyTorch file."
        )
    for each in exports:
        if each.facts.precision == "int8":
            lost = each.facts.calibration["agreement_loss"]
            lines.append(
                f"\nIn 8 bits the masks lose {lost:.2f} points of agreement with float32: no "
                "labels of the images on which this was measured can show a larger drop."
            )
    return "\n".join(lines)


def _told(scores: Mapping[str, float], task: str) -> str:
    return ", ".join(
        f"{figures.title(figure, task)} {figures.percent(scores[figure])}"
        for figure in figures.summary(task, [scores])
        if figure in scores
    )


def _limits(card: Card) -> str:
    height, width = card.size
    return (
        f"- It was trained at {height}x{width} pixels: objects of a few pixels at that size are "
        "missed.\n"
        "- Scores hold for images like those of the data sets above. Other cameras, places, "
        "light and objects can be much worse; nothing in the file notices that.\n"
        "- It marks pixels. Touching objects of one class are one region, and the probabilities "
        "are not calibrated for other images."
    )


def _not_for(card: Card) -> str:
    marked = ", ".join(card.kind.classes[card.kind.foreground.start :])
    return (
        "- Anything where a wrong mask can hurt someone: machines near people, driving, medicine.\n"
        "- Judging people, or what they own or throw away.\n"
        f"- Proving that a place or an image is free of {marked}: what is not marked may be there."
    )
