"""The main job on the synthetic twins: ``make demo``.

Trains a tiny network on the procedural sorting belt, adapts it to the procedural litter
photographs without their labels, prints both beside each other and draws a picture.
"""

from pathlib import Path

from dagen.cli._show import comparison
from dagen.config import load
from dagen.experiment import Runtime, run_pair

HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    """Run ``benchmarks/demo.toml`` in ``demo/``; run it again and it only shows the result."""
    runs = Path("demo")
    pair = run_pair(load(HERE / "benchmarks" / "demo.toml"), Runtime(runs=runs, experiment="demo"))
    comparison(pair, runs)
    print("Next: dagen adapt --src resortit --tgt taco --method advent (README, 'Real data').")


if __name__ == "__main__":
    main()
