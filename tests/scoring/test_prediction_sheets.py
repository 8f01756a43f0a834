"""The sheet of what predictors answer."""

from pathlib import Path

import numpy as np
from PIL import Image

from dagen.colours import NAMED
from dagen.scoring.prediction_sheets import draw
from dagen.scoring.predictor import Predictor
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.types import Task
from tests.scoring.by_hand import Brightness, Halves, Runtime


def test_every_predictor_has_a_column_and_is_asked_once_an_image(tmp_path: Path) -> None:
    exported = Runtime()
    network = TorchPredictor(Brightness(), Task.BINARY, (16, 16))
    columns: dict[str, Predictor] = {"exported": exported, "network": network}
    path = draw(Halves(), columns, tmp_path / "sheet.png", "Halves val")
    assert exported.calls == len(Halves())
    with Image.open(path) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    narrow = draw(Halves(), {"exported": exported}, tmp_path / "one.png", "Halves val")
    with Image.open(narrow) as other:
        assert other.width < pixels.shape[1]
    assert (pixels == NAMED["waste"]).all(2).any()  # in the legend at least
