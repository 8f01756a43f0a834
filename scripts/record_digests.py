"""Record what short runs compute, or check that they still compute the same to the bit.

``python scripts/record_digests.py FILE.json`` writes the record, ``--check`` compares with it. With
``--only TEXT`` both do so for some runs alone.

A refactoring must not change what a run computes. Each run below takes a few steps on the
synthetic twins, on the CPU, on one thread: every network, a strategy of each family, an online
run, a chosen checkpoint, few labels. For each run the record has the name, the SHA-256 of its
deployed tensors, and the SHA-256 of its scores, of its size and of its validators' scores. Digests
differ between processor models, so record and check on the same machine. The record in
``benchmarks/results/digests.json`` was made before the package was restructured (commit 12896a1).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from dagen.system.device import describe

COMMON = "--size 64x64 --steps 6 --batch 4 --no-track --quiet --device cpu --workers 1"
TRAIN = f"train --src resortit-synth --score taco-synth {COMMON}"
ADAPT = f"adapt --src resortit-synth --tgt taco-synth {COMMON}"
START = "--init run:{start}"  # the run of the first row

RUNS = {
    "train: enet": TRAIN,
    "train: icnet": f"{TRAIN} --model icnet",
    "train: bisenet, binary": f"{TRAIN} --model bisenet --task binary",
    "train: bisenet-resnet18": f"{TRAIN} --model bisenet-resnet18 --set width=0.5",
    "statistics: adabn": f"{ADAPT} --method adabn",
    "entropy: minent,infomax": f"{ADAPT} --method minent,infomax",
    "adversarial: advent": f"{ADAPT} --method advent",
    "adversarial: adaptsegnet,dann on icnet": f"{ADAPT} --method adaptsegnet,dann --model icnet",
    "style: fda,colour-transfer": f"{ADAPT} --method fda,colour-transfer",
    "self-training: dacs": f"{ADAPT} --method dacs --set batch_norm=shared",
    "self-training: mean-teacher,mic": f"{ADAPT} --method mean-teacher,mic",
    "self-training: cbst": f"{ADAPT} --method cbst",
    "self-training: saliency": f"{ADAPT} --method mean-teacher,saliency",
    "metric learning: prototypes": f"{ADAPT} --method prototypes",
    "generalization: randconv,mixstyle,swad": f"{ADAPT} --method randconv,mixstyle,swad",
    "generalization: object-paste,textures": f"{ADAPT} --method object-paste,textures",
    "recipe: best on bisenet": f"{ADAPT} --method best --model bisenet",
    "recipe: generalize": f"{ADAPT} --method generalize --set augment=camera",
    "source-free: shot": f"{ADAPT} --method shot {START}",
    "online: tent": f"{ADAPT} --method tent {START}",
    "online: cotta": f"{ADAPT} --method cotta {START}",
    "chosen: infomax": f"{ADAPT} --method advent --candidates 3 --select infomax",
    "chosen: source-val": f"{TRAIN} --candidates 3 --select source-val",
    "few labels": f"{ADAPT} --method advent --target-labels 4 --set rare_class_sampling=0.01",
    "all labels": f"{ADAPT} --method supervised --target-labels all",
}


def main() -> None:
    """Write or check a record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="the record, a JSON file")
    parser.add_argument("--check", action="store_true", help="compare with FILE; write nothing")
    parser.add_argument("--only", default="", help="runs whose title contains this text")
    given = parser.parse_args()
    wanted = {title: command for title, command in RUNS.items() if given.only in title}
    with tempfile.TemporaryDirectory() as folder:
        found = record(wanted, Path(folder))
    if not given.check:
        about = {"hardware": describe(torch.device("cpu")), "torch": torch.__version__}
        if given.only:  # the other runs stay as they are
            about = json.loads(given.file.read_text(encoding="utf-8"))
            found = {**about["runs"], **found}
        text = json.dumps({**about, "runs": found}, indent=1)
        given.file.write_text(text + "\n", encoding="utf-8")
        return
    before = json.loads(given.file.read_text(encoding="utf-8"))["runs"]
    changed = [run for run in found if found[run] != before.get(run)]
    for run in changed:
        print(f"{run}: was {before.get(run)}, is {found[run]}")
    print(f"{len(found) - len(changed)} of {len(found)} runs are the same to the bit.")
    sys.exit(bool(changed))


def record(wanted: dict[str, str], folder: Path) -> dict[str, dict[str, str]]:
    """Make the runs below ``folder``; the digests of each, by its name."""
    runs = folder / "runs"
    environment = {
        **os.environ,
        "DAGEN_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    start = ""
    found: dict[str, dict[str, str]] = {}
    for title, command in {"train: enet": RUNS["train: enet"], **wanted}.items():
        before = _finished(runs)
        words = command.format(start=start).split()
        subprocess.run(
            [sys.executable, "-m", "dagen", *words, "--runs", str(runs)],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        made = sorted(_finished(runs) - before)
        start = start or made[0]
        found |= {_name(runs / name): _described(runs / name) for name in made}
        print(f"{title}: {', '.join(made)}", flush=True)
    return found


def _finished(runs: Path) -> set[str]:
    return {path.parent.name for path in runs.glob("*/result.json")}


def _name(run: Path) -> str:
    """A run's name; that of a checkpoint ends with a hash of its file, metadata included."""
    return re.sub(r"^(given-.*)-[0-9a-f]{8}$", r"\1", run.name)


def _described(run: Path) -> dict[str, str]:
    from safetensors.numpy import load_file, save

    weights, tensors = hashlib.sha256(), load_file(run / "model.safetensors")
    for name, tensor in sorted(tensors.items()):
        weights.update(f"{name} {tensor.dtype} {tensor.shape}".encode() + tensor.tobytes())
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    # Up to version 0.2 the bytes were those of a file without a card.
    profile = {**result["profile"], "bytes": len(save(tensors))}
    measured = json.dumps([result["scores"], profile], sort_keys=True)
    # The baseline that a result names is a run of its own, and older versions did not name it.
    verdicts = {key: value for key, value in result["extra"].items() if key != "baseline"}
    judged = json.dumps(verdicts, sort_keys=True)
    return {
        "weights": weights.hexdigest(),
        "scores": hashlib.sha256(measured.encode()).hexdigest(),
        "verdicts": hashlib.sha256(judged.encode()).hexdigest(),
    }


if __name__ == "__main__":
    main()
