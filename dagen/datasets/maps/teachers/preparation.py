"""How an image becomes the input of an ONNX file, and what the file's output means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from pydantic import Field

from dagen.errors import DataError, UsageError, short
from dagen.parameters import Positive, build_config
from dagen.system.toml import read_toml
from dagen.types import Image

_Side = Annotated[int, Field(ge=1, le=4096)]
_Any = Annotated[float, Field(allow_inf_nan=False)]
_ROUNDED = 0.02
"""How far the sum of all classes' probabilities may be from 1, for networks in half precision."""
_FILTERS = {"lanczos": Pil.Resampling.LANCZOS, "bilinear": Pil.Resampling.BILINEAR}


@dataclass(frozen=True)
class Preparation:
    """The normalisation of an ONNX file: the keys of the TOML file beside it.

    ``input = (image / divide - mean) / std``, each channel with its own mean and standard
    deviation, after resizing to ``size`` without keeping the aspect.

    Attributes:
        size: height and width of the input in pixels.
        divide: what pixel values from 0 to 255 are divided by, or ``largest``: the image's own
            largest value.
        mean: mean of red, green and blue after the division.
        std: standard deviation of red, green and blue after the division.
        resize: the filter, ``bilinear`` or ``lanczos``; both average where they shrink.
        output: which of the file's outputs is the map, from 0.
        answer: what the output holds: ``probabilities``, or ``logits`` (a sigmoid follows for one
            channel, a softmax over the channels for several).
    """

    size: tuple[_Side, _Side] = (320, 320)
    divide: Positive | Literal["largest"] = 255.0
    mean: tuple[_Any, _Any, _Any] = (0.0, 0.0, 0.0)
    std: tuple[Positive, Positive, Positive] = (1.0, 1.0, 1.0)
    resize: Literal["bilinear", "lanczos"] = "bilinear"
    output: Annotated[int, Field(ge=0)] = 0
    answer: Literal["probabilities", "logits"] = "probabilities"

    def input(self, image: Image) -> NDArray[np.float32]:
        """(1, 3, h, w) float32 from (H, W, 3) uint8 RGB."""
        picture = Pil.fromarray(np.ascontiguousarray(image))
        small = np.asarray(picture.resize(self.size[::-1], _FILTERS[self.resize]), np.float32)
        # As rembg does: a black image stays black.
        most = max(float(small.max()), 1e-6) if self.divide == "largest" else self.divide
        scaled = (small / most - np.array(self.mean)) / np.array(self.std)
        return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None], np.float32)

    def probabilities(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Values from 0 to 1, (h, w) or (K, h, w), from an output without batch dimension.

        Raises:
            DataError: values are not finite, or lie outside 0 to 1 where probabilities are
                declared, or several channels do not add up to 1.
        """
        if not np.isfinite(raw).all():
            raise DataError("its output has values that are not finite.")
        if self.answer == "probabilities":
            low, high = float(raw.min()), float(raw.max())
            if low < -1e-3 or high > 1 + 1e-3:
                raise DataError(
                    f"its output lies in {low:.3g} to {high:.3g} and not in 0 to 1; declare "
                    'answer = "logits", or the output that holds probabilities.'
                )
            total = np.ones(1) if raw.ndim == 2 else raw.sum(0)
            if np.abs(total - 1).max() > _ROUNDED:
                raise DataError(
                    f"its {len(raw)} channels add up to {total.min():.3g} to {total.max():.3g} "
                    'and not to 1; declare answer = "logits", or the output that holds '
                    "probabilities of classes that exclude each other."
                )
            return raw
        if raw.ndim == 2:
            return np.asarray(0.5 * (1 + np.tanh(raw / 2)), np.float32)
        grown = np.exp(raw - raw.max(0))
        return np.asarray(grown / grown.sum(0), np.float32)


def declared(values: Mapping[str, Any], where: str) -> Preparation:
    """A preparation from plain values.

    Raises:
        UsageError: an unknown key or a value outside its range.
    """
    return build_config(Preparation, values, where)


def beside(file: Path) -> Preparation | None:
    """What the TOML file beside an ONNX file declares; None without one.

    Raises:
        UsageError: the TOML file is damaged or has a wrong value.
    """
    path = file.with_suffix(".toml")
    if not path.is_file():
        return None
    try:
        values = read_toml(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {short(str(error))}.") from None
    return declared(values, str(path))
