"""Prunes a deployed network: one file in, a smaller one out, checked against the silenced network.

No target label and no evaluation image decides: sensitivities are measured on unlabelled training
images.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from dagen.deploy.compression.ground import Ground, agreement_loss, ground
from dagen.deploy.pruning.arithmetic import Arithmetic
from dagen.deploy.pruning.groups import TOLERANCE, difference, groups_of, together
from dagen.deploy.pruning.sensitivity import SHARES, Felt, allotted, sensitivity
from dagen.deploy.pruning.surgery import Removed, silenced, silent, without
from dagen.errors import DagenError, UsageError
from dagen.models.base import Network
from dagen.models.deployed import cost
from dagen.models.deployed.file import load_deployed, save_deployed
from dagen.runs.starts import require_scored
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.files import make_folder
from dagen.system.progress import Progress
from dagen.system.sealing import unsealed, write_record

RECORD = "sensitivity.json"
"""The file of sensitivities beside the pruned files."""
_JUDGES = 8


@dataclass(frozen=True)
class Pruned:
    """A network that was pruned, and not trained since.

    Attributes:
        file: the deployed file.
        macs: multiply-accumulates of one image.
        before: those of the whole network.
        bytes: size of the file.
        loss: loss of agreement with the whole network, in points.
        kept: channels before and now, by layer, of those that lost any.
        felt: the sensitivity of each layer.
        left: layers that cannot be pruned.
        told: on which images the agreement was measured.
    """

    file: Path
    macs: int
    before: int
    bytes: int
    loss: float
    kept: dict[str, tuple[int, int]]
    felt: list[Felt]
    left: list[str]
    told: str


def place(model: Path, share: float) -> Path:
    """Where the pruned network of a deployed file lies, unless told otherwise."""
    return model.with_name("pruned") / f"macs-{100 * share:g}.safetensors"


def prune(
    model: Path,
    out: Path,
    *,
    share: float,
    data: str | None = None,
    data_root: Path | None = None,
    progress: Progress | None = None,
) -> Pruned:
    """Remove the channels that a network misses least, until a share of its MACs is left.

    Sensitivities are kept in :data:`RECORD` beside ``out``: another share of the same network, or
    the same call after a kill, measures no layer twice.

    Args:
        model: the deployed file.
        out: the deployed file to write.
        share: share of the MACs that stays at most, above 0 and below 1.
        data: data set whose unlabelled training images measure the agreement; None is the target
            of the network's run.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        progress: where to show how far it is.

    Raises:
        UsageError: ``share`` is outside its range or too small for this network, torch-pruning is
            not installed, or no data set is given or known.
        DagenError: the network or the data is missing or damaged, or no layer can be pruned.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share of MACs is {share:g}; it must be above 0 and below 1.")
    network, card = load_deployed(model)
    require_scored(model, card)
    groups, left = groups_of(network)
    if not groups:
        raise DagenError(f"{card.model} has no layer that can be pruned.")
    against = _fewer(ground(model, data, data_root))

    predictor = TorchPredictor(network, card.kind, card.size)

    def loss(removed: Removed) -> float:
        with silent(network, removed):
            return agreement_loss(predictor, against)

    folder = make_folder(out.parent)
    key = {"weights": str(card.weights), "images": against.told, "shares": list(SHARES)}
    known = _known(folder / RECORD, key)
    bar = (progress or Progress(quiet=True)).task(
        "sensitivity", sum(group.layer not in known for group in groups)
    )

    def on_layer(felt: Felt) -> None:
        known[felt.layer] = felt
        write_record(folder / RECORD, {**key, "layers": [asdict(each) for each in known.values()]})
        bar.advance()

    felt = sensitivity(groups, loss, known, on_layer)
    going = allotted(Arithmetic(network, card.size), groups, felt, share)
    by_layer = {group.layer: group for group in groups}
    removed = together(by_layer[layer].least(number) for layer, number in going.items())
    smaller = without(network, removed).eval()
    _check(network, smaller, removed, card.size)
    save_deployed(out, smaller, card)
    return Pruned(
        out,
        cost.macs(smaller, card.size),
        cost.macs(network, card.size),
        out.stat().st_size,
        loss(removed),
        {name: (by_layer[name].size, by_layer[name].size - gone) for name, gone in going.items()},
        felt,
        left,
        against.told,
    )


@torch.inference_mode()
def _check(network: Network, smaller: Network, removed: Removed, size: tuple[int, int]) -> None:
    """Refuse a network that computes something else than the one with silent channels."""
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    found = difference(smaller(image).logits, silenced(network, removed)(image).logits)
    if found > TOLERANCE:
        raise DagenError(
            f"the pruned network differs from the one with these channels at zero by {found:.1e} "
            f"of the largest output, and at most {TOLERANCE:.0e} is allowed; this is an error of "
            "dagen's, please report it."
        )


def _fewer(all_: Ground) -> Ground:
    """Every second image: there are many layers to try."""
    step = max(1, len(all_.images) // _JUDGES)
    images, wanted = all_.images[::step], all_.wanted[::step]
    dataset = all_.told.split(" of ", 1)[-1]
    return replace(all_, images=images, wanted=wanted, told=f"{len(images)} images of {dataset}")


def _known(path: Path, key: Mapping[str, object]) -> dict[str, Felt]:
    """The sensitivities of a record, if it is of the same network, images and shares."""
    try:
        values = unsealed(json.loads(path.read_text(encoding="utf-8")))
        if any(values.get(name) != value for name, value in key.items()):
            return {}
        layers = [Felt(each["layer"], each["channels"], tuple(each["losses"]))
                  for each in values["layers"]]  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return {}
    return {each.layer: each for each in layers}
