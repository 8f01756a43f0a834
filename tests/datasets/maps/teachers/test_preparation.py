from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dagen.datasets.maps.teachers.known import known
from dagen.datasets.maps.teachers.preparation import Preparation, beside, declared
from dagen.errors import DataError, UsageError


def test_the_input_is_scaled_shifted_and_put_channels_first() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0], image[..., 2] = 51, 204
    how = Preparation((2, 3), 255.0, (0.2, 0.5, 0.0), (1.0, 0.5, 2.0))
    found = how.input(image)
    assert found.shape == (1, 3, 2, 3) and found.dtype == np.float32
    assert np.allclose(found[0, :, 0, 0], [0.0, -1.0, 0.4], atol=1e-6)


def test_the_largest_value_of_an_image_becomes_one() -> None:
    image = np.full((8, 8, 3), 50, np.uint8)
    image[2:6, 2:6] = 100
    how = Preparation((8, 8), "largest")
    assert how.input(image).max() == pytest.approx(1.0) and how.input(image).min() == 0.5
    assert not how.input(np.zeros((8, 8, 3), np.uint8)).any()


def test_u2netp_gets_what_its_authors_gave_it() -> None:
    image = np.random.default_rng(0).integers(0, 200, (90, 120, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(image).resize((320, 320), Image.Resampling.LANCZOS))
    x = small / small.max()
    wanted = (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    found = known("u2netp").preparation.input(image)
    assert np.allclose(found[0], wanted.transpose(2, 0, 1), atol=1e-5)


def test_logits_become_probabilities() -> None:
    raw = np.array([[0.0, 2.0], [-40.0, 800.0]], np.float32)
    how = Preparation(answer="logits")
    assert np.allclose(how.probabilities(raw), [[0.5, 1 / (1 + np.exp(-2))], [0, 1]], atol=1e-6)
    several = np.stack([raw, np.zeros_like(raw)])
    assert np.allclose(how.probabilities(several).sum(0), 1)


def test_classes_that_do_not_exclude_each_other_are_refused() -> None:
    raw = np.array([[[0.9, 0.2]], [[0.9, 0.8]]], np.float32)  # as from a sigmoid of each channel
    with pytest.raises(DataError, match=r"2 channels add up to 1 to 1\.8 and not to 1; declare"):
        Preparation().probabilities(raw)
    assert Preparation().probabilities(raw[0]).max() == np.float32(0.9)
    assert np.array_equal(Preparation().probabilities(raw[..., 1:]), raw[..., 1:])


def test_what_is_no_number_is_refused() -> None:
    for how in (Preparation(), Preparation(answer="logits")):
        with pytest.raises(DataError, match="not finite"):
            how.probabilities(np.array([[np.nan]], np.float32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size = [320", "cannot be read"),
        ("sizes = [1, 1]", "unknown .*did you mean 'size'"),
        ("std = [1, 1, 0]", "std"),
        ("divide = 'most'", "divide"),
        ("size = [0, 4]", "size"),
    ],
)
def test_a_wrong_declaration_names_the_file(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        beside(tmp_path / "t.onnx")
    assert "t.toml" in str(error.value) and "\n" not in str(error.value)


def test_no_file_beside_is_no_declaration(tmp_path: Path) -> None:
    assert beside(tmp_path / "t.onnx") is None
    assert declared({"divide": "largest"}, "x").divide == "largest"
