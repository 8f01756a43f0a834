"""dagen: domain adaptation and generalization of tiny segmentation networks.

The functions do the same as the commands of the same names. Each name is imported from its module
on first use, so that neither ``import dagen`` nor ``dagen --help`` waits for torch.
"""

from typing import TYPE_CHECKING

from dagen.version import __version__

__all__ = [
    "Config",
    "DagenError",
    "Prediction",
    "Predictor",
    "RunResult",
    "Runtime",
    "Settings",
    "__version__",
    "adapt",
    "benchmark",
    "compress",
    "evaluate",
    "export",
    "load",
    "predict",
    "pretrain",
    "profile",
    "prune",
    "pull",
    "push",
    "report",
    "train",
    "visualize",
]

if TYPE_CHECKING:
    from dagen.api.compressing import compress
    from dagen.api.exporting import export
    from dagen.api.networks import evaluate, load, predict, profile
    from dagen.api.pictures import report, visualize
    from dagen.api.pruning import prune
    from dagen.api.settings import Settings
    from dagen.api.sharing import pull, push
    from dagen.api.training import adapt, benchmark, pretrain, train
    from dagen.errors import DagenError
    from dagen.runs.config import Config
    from dagen.runs.results import RunResult
    from dagen.runs.runtime import Runtime
    from dagen.scoring.predictor import Prediction, Predictor
else:
    _HOMES = {
        "dagen.api.compressing": ("compress",),
        "dagen.api.exporting": ("export",),
        "dagen.api.networks": ("evaluate", "load", "predict", "profile"),
        "dagen.api.pictures": ("report", "visualize"),
        "dagen.api.pruning": ("prune",),
        "dagen.api.settings": ("Settings",),
        "dagen.api.sharing": ("pull", "push"),
        "dagen.api.training": ("adapt", "benchmark", "pretrain", "train"),
        "dagen.errors": ("DagenError",),
        "dagen.runs.config": ("Config",),
        "dagen.runs.results": ("RunResult",),
        "dagen.runs.runtime": ("Runtime",),
        "dagen.scoring.predictor": ("Prediction", "Predictor"),
    }

    def __getattr__(name: str) -> object:
        from importlib import import_module

        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(home), name)
        raise AttributeError(f"module 'dagen' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
