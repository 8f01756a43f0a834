"""Makes the network that comes with dagen: trains, exports, scores and describes it.

    DAGEN_DATA=... DAGEN_TEACHERS=... python scripts/make_shipped_network.py --runs runs

The recipe is the row "teacher" of ``benchmarks/lite.toml``. Runs that are finished are not run
again. It writes the network and its card beside ``dagen/deploy/hub/names.py``, and the network
before adaptation into ``docs/_static/try``, for the page that runs both in the browser.
"""

import argparse
import tomllib
from pathlib import Path

import dagen
from dagen.deploy.export import Exported, export
from dagen.deploy.hub.model_card import model_card
from dagen.deploy.hub.names import SHIPPED
from dagen.engine.run import run_pair
from dagen.models.deployed.file import read_card
from dagen.runs import figures
from dagen.runs.config import Config, from_mapping
from dagen.runs.runtime import Runtime

ROOT = Path(__file__).parents[1]
NETWORK = ROOT / "dagen" / "deploy" / "hub" / "waste-int8.onnx"
BEFORE = ROOT / "docs" / "_static" / "try" / "before.onnx"
LICENCE = "Apache-2.0"
LARGEST = 1_000_000
"""Bytes of a network in the wheel."""
EMPTY = "empty_scenes"
TERMS = {
    EMPTY: "MIT licence, Srihari M 2021, github.com/SrihariM1809/beach-garbage-dataset "
    "(photographs of beaches without litter)"
}
"""The terms of data under a name of this recipe; another data set may have the same name."""


def recipe(path: Path, seed: int) -> Config:
    """The settings of the row "teacher" of a benchmark."""
    file = tomllib.loads(path.read_text(encoding="utf-8"))
    row = next(each for each in file["row"] if each["name"] == "teacher")
    own = {key: value for key, value in row.items() if key != "name"}
    return from_mapping({**file["base"], "model": "lite", "task": "binary", "seed": seed, **own})


def exported(model: Path, out: Path, *, int8: bool = True) -> Exported:
    """An ONNX file; the ranges of 8 bits come from unlabelled training photographs of TACO."""
    out.parent.mkdir(parents=True, exist_ok=True)
    calibrate = "taco" if int8 else None
    return export(model, out, int8=int8, calibrate=calibrate, licence=LICENCE)


def scores(file: Path) -> dict[str, float]:
    """Scores of an exported file on TACO val, and its false alarms."""
    return dagen.evaluate(file, data="taco", empty=EMPTY)


def told(found: dict[str, float]) -> str:
    """The scores of one file in words."""
    keys = ("waste_iou", "miou", "false_alarms")
    named = ((figures.title(key, "binary"), figures.percent(found[key])) for key in keys)
    return ", ".join(f"{name} {value}" for name, value in named)


def notes(
    exact: dict[str, float], small: dict[str, float], before: dict[str, float], origin: str
) -> str:
    """What the card says besides: scores of the files themselves, and where the data is from."""
    return f"""Scores of the exported files in ONNX Runtime, in per cent, on 70 photographs of TACO
`val` of a small benchmark (false alarms: share of the pixels of 16 beach photographs without
litter that are marked):

- float32: {told(exact)}
- **8 bits, this file**: {told(small)}
- before adaptation, 8 bits: {told(before)}

These numbers cannot be compared with results on the full data sets: the belt images are composed
of 45 cut-out objects, and the photographs are 105 (training, without labels) and 70 of TACO, at
most 640 pixels wide. The constants of the recipe were chosen in sight of these labels.

What it has learned from, and whose it is:

- belt images with labels: ReSORT-IT (BSD), re-composed;
- photographs without labels: TACO (CC BY 4.0); those of batch_14 and batch_15 are from
  OpenLitterMap, under the Open Database License;
- beach scenes without litter: beach-garbage-dataset (MIT);
- maps of these photographs by U2-Net-p (Apache-2.0; Qin et al. 2020), which its authors trained
  on DUTS-TR;
- the start of its encoder: EfficientNet-Lite0 (Apache-2.0), trained on ImageNet.

Made by `scripts/make_shipped_network.py`, with the row "teacher" of `benchmarks/lite.toml` of
{origin}.
"""


def main() -> None:
    """Train, export, score and describe; refuse a network that is too large."""
    parser = argparse.ArgumentParser(description="Makes the network that comes with dagen.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", type=Path, default=ROOT / "benchmarks" / "lite.toml")
    parser.add_argument("--origin", default="this version", help="whose recipe it is, for the card")
    given = parser.parse_args()
    pair = run_pair(recipe(given.recipe, given.seed), Runtime(given.runs, track=False, workers=0))
    model = pair.adapted.model
    small, before = exported(model, NETWORK), exported(pair.baseline.model, BEFORE)
    for each in (small, before):
        if each.bytes > LARGEST:
            raise SystemExit(f"{each.file} has {each.bytes:,} bytes; at most {LARGEST:,}.")
    exact = exported(model, given.runs / "waste-float32.onnx", int8=False)
    found = scores(small.file)
    more = notes(scores(exact.file), found, scores(before.file), given.origin)
    text = model_card(read_card(model), [small], None, SHIPPED, pair.adapted, more, TERMS)
    NETWORK.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"{NETWORK}: {small.bytes:,} bytes, {told(found)}")


if __name__ == "__main__":
    main()
