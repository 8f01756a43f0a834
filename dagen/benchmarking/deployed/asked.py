"""What a benchmark's ``[deploy]`` asks for: the files that are made of every cell's network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

from dagen.deploy.compression.rungs import PRECISIONS
from dagen.errors import UsageError, quoted, unknown

KEYS = ("precisions", "prune", "steps")
PLAIN = "float32"
"""The precision that the others are compared with."""
WHOLE = "whole"
"""The network as it was trained."""


@dataclass(frozen=True)
class Wanted:
    """One file to make of a cell's network.

    Attributes:
        network: :data:`WHOLE`, or the pruned network, such as ``macs-60``.
        share: share of the MACs that stays; None for the whole network.
        steps: training steps after pruning; None is a quarter of the run's.
        precision: one of :data:`dagen.deploy.compression.rungs.PRECISIONS`.
    """

    network: str
    share: float | None
    steps: int | None
    precision: str


@dataclass(frozen=True)
class Deployment:
    """The files to make: every network at every precision, as ONNX.

    Attributes:
        precisions: some of :data:`dagen.deploy.compression.rungs.PRECISIONS`; float32 is always
            the first.
        prune: shares of the MACs that stay in pruned networks; the whole network is tried too.
        steps: training steps of each pruned network; None is a quarter of its run's.
    """

    precisions: tuple[str, ...] = (PLAIN, "int8")
    prune: tuple[float, ...] = ()
    steps: int | None = None

    def files(self) -> Iterator[Wanted]:
        """The files of one network, the whole network's in float32 first."""
        for share in (None, *self.prune):
            network = WHOLE if share is None else f"macs-{100 * share:g}"
            for precision in self.precisions:
                yield Wanted(network, share, None if share is None else self.steps, precision)


def require_packages(deploy: Deployment | None) -> None:
    """Refuse, before anything is trained, files that cannot be made here.

    Raises:
        UsageError: a package is not installed.
    """
    if deploy is None:
        return
    wanted = {"onnx": "onnx", "onnxscript": "onnx"}
    if deploy.prune:
        wanted["torch-pruning"] = "prune"
    for package, extra in wanted.items():
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError:
            raise UsageError(
                f"[deploy] needs the package {package}: pip install 'dagen[{extra}]'."
            ) from None


def read(given: object) -> Deployment | None:
    """The table ``[deploy]`` of a file; None without one.

    Raises:
        UsageError: it is no table, an unknown key or precision, or a share out of its range.
    """
    if given is None:
        return None
    if not isinstance(given, dict):
        raise UsageError(f"deploy is {quoted(given)}; write a table, [deploy].")
    for key in given:
        if key not in KEYS:
            raise unknown("key", key, KEYS)
    precisions = given.get("precisions", list(Deployment.precisions))
    if not isinstance(precisions, list) or not all(isinstance(one, str) for one in precisions):
        raise UsageError(
            f'precisions is {quoted(precisions)}; give a list, such as ["float32", "int8"].'
        )
    for precision in precisions:
        if precision not in PRECISIONS:
            raise unknown("precision", precision, PRECISIONS)
    shares = given.get("prune", [])
    if not isinstance(shares, list) or not all(
        isinstance(share, float) and 0 < share < 1 for share in shares
    ):
        raise UsageError(
            f"prune is {quoted(shares)}; give a list of shares of the MACs that stay, above 0 and "
            "below 1, such as [0.6]."
        )
    steps = given.get("steps")
    if steps is not None and (not isinstance(steps, int) or isinstance(steps, bool) or steps < 0):
        raise UsageError(f"steps is {quoted(steps)}; give a number of training steps, or 0.")
    wanted = tuple(dict.fromkeys([PLAIN, *precisions]))
    return Deployment(wanted, tuple(dict.fromkeys(shares)), steps)
