"""dagen: domain adaptation and generalization of tiny segmentation networks.

``dagen.train``, ``dagen.adapt``, ``dagen.evaluate`` and ``dagen.predict`` do in Python what
the commands of the same names do. They are loaded on first use, so that ``import dagen``
and ``dagen --help`` do not wait for torch.
"""

from typing import Any

from dagen.version import __version__

_API = ("train", "adapt", "evaluate", "predict", "Config", "RunResult")
__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name in _API:
        from dagen import api

        return getattr(api, name)
    raise AttributeError(f"module 'dagen' has no attribute {name!r}")
