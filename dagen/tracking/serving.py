"""The deployed file as an MLflow model: arrays of images in, arrays of masks out.

MLflow keeps the safetensors file and the name of this module, and calls :func:`_load_pyfunc`
to read it: nothing is pickled. So dagen must be installed where the model is loaded, for instance
by ``mlflow models serve --env-manager local``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dagen.errors import UsageError
from dagen.version import __version__

if TYPE_CHECKING:
    from mlflow.models import Model

    from dagen.scoring.predictor import Predictor


class Segmenter:
    """The model that ``mlflow.pyfunc.load_model`` returns (inside MLflow's own wrapper).

    Attributes:
        predictor: the deployed network, on the CPU.
    """

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    def predict(self, images: Any, params: dict[str, Any] | None = None) -> NDArray[np.uint8]:
        """The masks of ``images``, exactly those that ``dagen predict`` writes.

        Args:
            images: (N, H, W, 3) RGB, integers from 0 to 255 or floats from 0 to 1, of any
                height and width. Floats are rounded to the 256 levels of an image.
            params: unused; part of MLflow's interface.

        Returns:
            (N, H, W) uint8 class ids of the predictor's task.

        Raises:
            UsageError: another shape, type or range.
        """
        from dagen.scoring.predictor import mask

        pixels = _pixels(images)
        masks = np.empty(pixels.shape[:3], np.uint8)
        for found, image in zip(masks, pixels, strict=True):
            found[...] = mask(self.predictor(image))
        return masks


def save_model(folder: Path, deployed: Path, mlflow_model: Model | None = None) -> None:
    """Write an MLflow model (flavour ``python_function``) around a deployed file.

    Args:
        folder: folder to make; it must not exist.
        deployed: the deployed safetensors file, which is copied.
        mlflow_model: carries the ids of run and model, if there are any.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    signature = ModelSignature(
        # MLflow would refuse float images if the signature says uint8, and vice versa. This form
        # accepts any array; Segmenter.predict checks it.
        inputs=Schema([TensorSpec(np.dtype("O"), (-1,))]),
        outputs=Schema([TensorSpec(np.dtype("uint8"), (-1, -1, -1))]),
    )
    mlflow.pyfunc.save_model(
        str(folder),
        mlflow_model=mlflow_model,
        loader_module=__name__,
        data_path=str(deployed),
        signature=signature,
        input_example=np.zeros((1, 8, 8, 3), np.uint8),
        metadata=_about(deployed),
        pip_requirements=[f"dagen=={__version__}"],
    )


def _about(deployed: Path) -> dict[str, Any]:
    """What the signature cannot express: the input arrays and the meaning of the ids."""
    from dagen.models.deployed.file import read_card

    card = read_card(deployed)
    return {
        "images": "(N, H, W, 3) RGB, any H and W; uint8 from 0 to 255 or floats from 0 to 1",
        "masks": "(N, H, W) uint8 class ids",
        "classes": list(card.kind.classes),
        "model": card.model,
        "size": list(card.size),
        "weights_sha256": card.weights,
    }


def _load_pyfunc(path: str) -> Segmenter:
    """MLflow's hook: the model whose data is the deployed file at ``path``."""
    from dagen.scoring.torch_predictor import TorchPredictor

    return Segmenter(TorchPredictor.load(path))


def _pixels(images: Any) -> NDArray[np.uint8]:
    """``images`` as (N, H, W, 3) uint8, checked."""
    array = np.asarray(images)
    if array.dtype == object:  # MLflow's server turns JSON into this
        array = np.asarray(array.tolist())
    if array.ndim != 4 or array.shape[3] != 3 or 0 in array.shape:
        raise UsageError(
            f"images have shape {array.shape}; give (N, H, W, 3): RGB images of one size."
        )
    if array.dtype == np.uint8:
        return array
    integers = np.issubdtype(array.dtype, np.integer)
    if not integers and not np.issubdtype(array.dtype, np.floating):
        raise UsageError(f"images are {array.dtype}; give uint8 (0 to 255) or floats (0 to 1).")
    top = 255 if integers else 1
    if not (array.min() >= 0 and array.max() <= top):  # also refuses NaN
        raise UsageError(
            f"images of type {array.dtype} reach from {array.min()} to {array.max()}; "
            "integers go from 0 to 255, floats from 0 to 1."
        )
    return np.rint(array.astype(np.float64) * (255 // top)).astype(np.uint8)
