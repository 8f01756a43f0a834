"""The predictor of an exported file: the answers of PyTorch, without torch."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import dagen
from dagen.deploy import predictor
from dagen.deploy.facts import Facts
from dagen.deploy.runtimes.onnx import OnnxRuntime
from dagen.errors import DagenError, UsageError
from dagen.models.base import upsample
from dagen.scoring.predictor import Probabilities
from dagen.scoring.torch_predictor import TorchPredictor
from dagen.system.onnx_session import SPINNING, open_session
from dagen.types import Image, Task
from tests import tiny
from tests.deploy.conftest import SIZE, photograph

SHAPES = [(32, 48), (50, 60), (90, 30), (20, 300), (7, 5)]


@pytest.mark.parametrize("shape", SHAPES)
def test_it_answers_as_pytorch_does(shape: tuple[int, int], deployed: Path, exported: Path) -> None:
    ours, theirs = dagen.load(exported), TorchPredictor.load(deployed)
    image = photograph(*shape)
    np.testing.assert_allclose(ours(image), theirs(image), atol=1e-4)
    assert ours(image).dtype == np.float32 and ours(image).shape == (5, *shape)
    seen, known = predictor.load(exported).observe(image), theirs.observe(image)
    np.testing.assert_allclose(seen.features, known.features, atol=1e-4)
    np.testing.assert_allclose(seen.probabilities, known.probabilities, atol=1e-4)


def test_it_says_what_it_is(deployed: Path, exported: Path) -> None:
    found, theirs = dagen.load(str(exported)), dagen.load(deployed, device="cpu")
    assert (found.name, found.task, found.size) == (theirs.name, theirs.task, theirs.size)
    assert found.bytes == exported.stat().st_size
    for shape in SHAPES:
        observer, other = predictor.load(exported), TorchPredictor.load(deployed)
        assert observer.feature_channels == other.feature_channels == 8
        assert observer.feature_shape(shape) == other.feature_shape(shape)
        assert other.observe(photograph(*shape)).features.shape[1:] == other.feature_shape(shape)
    image = photograph(64, 96)
    larger = dagen.load(exported, size="64x96")
    known = dagen.load(deployed, size="64x96", device="cpu")
    assert larger.size == (64, 96)
    np.testing.assert_allclose(larger(image), known(image), atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_windows_of_a_fixed_input_cover_every_image(shape: tuple[int, int], stiff: Path) -> None:
    found = dagen.load(stiff)(photograph(*shape))
    assert found.shape == (5, *shape) and np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-5)


def test_windows_equal_a_slow_average(stiff: Path) -> None:
    import torch

    runtime = OnnxRuntime(stiff)
    image = photograph(*(32, 120))  # as high as the input, and 2.5 times as wide
    pixels = predictor.to_input(image, "float32")
    total, times = np.zeros((5, 8, 30)), np.zeros((8, 30))
    for left in (0, 36, 72):
        out = runtime(np.ascontiguousarray(pixels[..., left : left + 48]))[0][0]
        total[:, :, left // 4 : left // 4 + 12] += out
        times[:, left // 4 : left // 4 + 12] += 1
    logits = torch.from_numpy(total / times)[None]
    expected = upsample(logits, (32, 120))[0].softmax(0).numpy()
    np.testing.assert_allclose(dagen.load(stiff)(image), expected, atol=1e-5)


@pytest.mark.parametrize("multiple", [1, 4, 32])
def test_windows_begin_at_multiples_and_leave_no_gap(multiple: int) -> None:
    for window in range(multiple, 8 * multiple, multiple):
        for length in range(window, 40 * multiple, multiple):
            begins = predictor.starts(length, window, multiple)
            assert begins[0] == 0 and begins[-1] == length - window
            assert all(begin % multiple == 0 for begin in begins)
            assert all(b - a <= window for a, b in pairwise(begins))


def test_logits_become_probabilities_as_in_pytorch() -> None:
    import torch

    draw = np.random.default_rng(0)
    for shape in ((3, 4), (40, 50), (8, 12), (80, 7)):
        logits = draw.normal(0, 30, (6, 8, 12)).astype(np.float32)
        expected = upsample(torch.from_numpy(logits)[None], shape)[0].softmax(0).numpy()
        np.testing.assert_allclose(predictor.at_image_size(logits, shape), expected, atol=1e-5)


def test_scores_are_those_of_pytorch(deployed: Path, exported: Path, tmp_path: Path) -> None:
    tiny.make_taco(tmp_path, train=1, val=2)
    ours = dagen.evaluate(exported, data="taco", data_root=tmp_path)
    theirs = dagen.evaluate(deployed, data="taco", data_root=tmp_path, device="cpu")
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_validators_judge_it_as_they_judge_pytorch(deployed: Path, exported: Path) -> None:
    import torch

    from dagen.validators.base import Evidence, NotApplicable, Probes
    from dagen.validators.consistency import Consistency
    from dagen.validators.entropy import Entropy

    images = torch.from_numpy(np.stack([photograph(*SIZE, seed=k) for k in range(3)]))
    probes = Probes(Task.MATERIAL, images.permute(0, 3, 1, 2).float() / 255, None)
    theirs = Evidence(TorchPredictor.load(deployed).network, probes)
    ours = Evidence(predictor.load(exported), probes)
    torch.testing.assert_close(
        ours.target.probability, theirs.target.probability, atol=1e-4, rtol=0
    )
    torch.testing.assert_close(ours.target.features, theirs.target.features, atol=1e-4, rtol=1e-4)
    assert ours.forwards == 3
    for validator in (Entropy(), Consistency()):  # the second makes images that are not 8-bit
        assert validator.score(ours) == pytest.approx(validator.score(theirs), abs=0.02)
    blind = Evidence(Blind(exported), probes)
    assert Entropy().score(blind) == pytest.approx(Entropy().score(theirs), abs=1e-4)
    with pytest.raises(NotApplicable, match="needs features"):
        _ = blind.target.features


class Blind:
    """A predictor that shows no features."""

    def __init__(self, path: Path) -> None:
        self._inner = predictor.load(path)
        self.name, self.task = self._inner.name, self._inner.task
        self.size, self.bytes = self._inner.size, self._inner.bytes

    def __call__(self, image: Image) -> Probabilities:
        return self._inner(image)


def test_a_fixed_file_refuses_other_sizes(stiff: Path) -> None:
    with pytest.raises(UsageError, match=r"always 32x48.*size is 64x64"):
        dagen.load(stiff, size="64x64")
    assert dagen.load(stiff, size=SIZE).size == SIZE


def _damaged(exported: Path, folder: Path) -> dict[str, tuple[Path, str]]:
    content = exported.read_bytes()
    model = onnx.load(exported)
    del model.metadata_props[:]
    foreign = model.SerializeToString()
    model.graph.node[0].op_type = "Conjure"
    files = {
        "truncated": (content[: len(content) // 2], "ONNX|damaged"),
        "cut at the end": (content[:-1], "damaged"),
        "changed": (content.replace(b"logits", b"logitz"), "damaged"),
        "empty": (b"", "ONNX"),
        "foreign": (foreign, "was not exported by dagen"),
        "no ONNX": (b"GIF89a" * 50, "damaged or no ONNX file"),
        "operator": (model.SerializeToString(), "needs an operator that ONNX Runtime"),
    }
    found = {}
    for name, (written, said) in files.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(written)
        found[name] = path, said
    found["missing"] = folder / "missing.onnx", "cannot be read"
    found["folder"] = folder, "cannot be read"
    return found


def test_files_that_are_not_ours_get_one_line(exported: Path, tmp_path: Path) -> None:
    for name, (path, said) in _damaged(exported, tmp_path).items():
        with pytest.raises(DagenError, match=said) as error:
            predictor.load(path)
        assert "\n" not in str(error.value) and len(str(error.value)) < 700, name


def test_a_cut_file_is_not_called_a_teacher(exported: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(exported.read_bytes()[:2000])  # its metadata, by which it is known, is gone
    with pytest.raises(DagenError, match=r"cut\.onnx was not exported by dagen, or it is cut off"):
        dagen.load(cut)
    with pytest.raises(DagenError, match=r"gone\.onnx does not exist"):
        dagen.load(tmp_path / "gone.onnx")


def test_threads_that_nobody_asked_for_leave_their_cores_to_other_work(exported: Path) -> None:
    options = open_session(exported, "net").get_session_options()
    assert options.get_session_config_entry(SPINNING) == "0"
    # Latencies on so many threads are those of ONNX Runtime's own settings.
    options = open_session(exported, "net", threads=2).get_session_options()
    with pytest.raises(RuntimeError, match="does not have"):
        options.get_session_config_entry(SPINNING)


def test_threads_of_a_loaded_network(exported: Path, deployed: Path) -> None:
    runtime = dagen.load(exported, threads=2).runtime  # type: ignore[attr-defined]
    options = runtime._session.get_session_options()
    assert options.intra_op_num_threads == 2 and options.get_session_config_entry(SPINNING) == "0"
    before = torch.get_num_threads()
    try:
        dagen.load(deployed)
        assert torch.get_num_threads() == before
        dagen.load(deployed, threads=before + 1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
    for wrong in (0, -1, 1025):
        with pytest.raises(UsageError, match=f"threads is {wrong}; it must be from 1 to 1024"):
            dagen.load(exported, threads=wrong)


def test_a_wrong_input_gets_one_line(exported: Path) -> None:
    with pytest.raises(DagenError, match=r"failed on an input of shape \(1, 3, 32\)") as error:
        OnnxRuntime(exported)(np.zeros((1, 3, 32), np.float32))
    assert "\n" not in str(error.value)


def test_devices(exported: Path) -> None:
    with pytest.raises(UsageError, match="write auto, cpu, cuda"):
        dagen.load(exported, device="tpu")
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(UsageError, match="has only"):
            dagen.load(exported, device="cuda:0")


def test_facts_are_read_from_the_file(exported: Path) -> None:
    assert isinstance(OnnxRuntime(exported).facts, Facts)
    assert OnnxRuntime(exported.read_bytes()).facts == OnnxRuntime(exported).facts
