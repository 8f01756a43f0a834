"""Functions for finished networks: load, evaluate, predict and profile.

This module needs neither torch nor pydantic until a function does: exported files are predicted
where there is neither.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, overload

from dagen import plugins
from dagen.api.settings import Size
from dagen.errors import DataError, Stopped, UsageError, quoted
from dagen.runs import sizes
from dagen.system.threads import check_threads

if TYPE_CHECKING:
    from dagen.deploy.profiling import Measured
    from dagen.scoring.predictor import Prediction, Predictor
    from dagen.scoring.starter import Geometry, Metric
    from dagen.types import Image


def load(
    path: Path | str,
    *,
    size: Size | None = None,
    device: str = "auto",
    threads: int | None = None,
) -> Predictor:
    """Load a deployed or exported file as a predictor, to be called with images.

    >>> predictor = dagen.load("model.safetensors")                # doctest: +SKIP
    >>> predictor.name, predictor.task, predictor.size             # doctest: +SKIP
    >>> mask, probabilities = dagen.predict(predictor, image)      # doctest: +SKIP

    Args:
        path: the deployed file (``.safetensors``), or the folder of its run; or an exported one,
            ``.onnx``, or ``.xml`` of OpenVINO, which needs no torch; or ``user/name`` of the
            Hugging Face Hub, or ``dagen/waste-int8``, which comes with dagen; or a teacher that
            gives a map of foreground: a known name such as ``u2netp``, or an ONNX file (see
            ``dagen.datasets.maps.teachers``).
        size: height and width in pixels that its input covers; None is the network's own.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: threads that compute one image; None leaves their number to the runtime. PyTorch
            has one number for the whole process, which also counts for a teacher.

    Raises:
        UsageError: an invalid size, device or number of threads, or a runtime that is not
            installed.
        DagenError: the file is missing, damaged, or not written by dagen, or it is in the Hub and
            cannot be fetched.
    """
    from dagen.deploy import predictor
    from dagen.deploy.hub.locating import located

    check_threads(threads)
    path = located(path)
    covered = None if size is None else sizes.checked(size)
    if predictor.is_exported(Path(path)):
        return predictor.load(
            Path(path), size=covered, device=device, threads=threads, spinning=False
        )
    import torch

    from dagen.scoring.teachers import is_teacher, teacher_predictor
    from dagen.scoring.torch_predictor import TorchPredictor
    from dagen.system.device import choose_device

    if threads is not None:
        torch.set_num_threads(threads)
    if is_teacher(str(path)):
        if size is not None or device != "auto":
            raise UsageError(f"{path} is a teacher; it has its own size and runs on the CPU.")
        predictor.require_described(Path(path))
        return teacher_predictor(str(path))
    return TorchPredictor.load(path, size=covered, device=choose_device(device))


def evaluate(
    model: Predictor | Path | str,
    *,
    data: str,
    split: str = "val",
    empty: str | None = None,
    size: Size | None = None,
    data_root: Path | str | None = None,
    device: str = "auto",
    quiet: bool = True,
    metric: Metric = "dagen",
    geometry: Geometry = "dagen",
    metric_batch: int = 16,
) -> dict[str, float]:
    """Score a network on a data set, at the labels' own resolution.

    Under ``torchrun`` each process scores a share of the images, and all get the whole's scores.

    Args:
        model: a deployed or exported file, a run's folder, or a result of :func:`load`.
        data: the data set's name.
        split: split of the data set.
        empty: a data set of scenes without objects, on whose ``val`` part false alarms are counted.
        size: see :func:`load`; for a file only.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        device: see :func:`load`; for a file only.
        quiet: no progress display.
        metric: ``starter`` is that of the course's starter code, which flatters (``docs/course.md``
            has an example).
        geometry: ``starter`` scores the part of each image that the starter code shows.
        metric_batch: images per batch of the starter code's metric.

    Returns:
        The scores of :class:`dagen.scoring.metrics.Scores`, as fractions of 1; with ``empty`` also
        ``false_alarms``, the share of those scenes' pixels that are called foreground. The starter
        code's are ``starter_miou`` and ``starter_iou/CLASS``.

    Raises:
        UsageError: an unknown data set or split, or an invalid size or device.
        DataError: an image or label is missing or damaged.
        DagenError: a file is missing or damaged.
    """
    from dagen.datasets.loading.opening import open_dataset
    from dagen.engine.classes import meet
    from dagen.scoring.evaluation import evaluate as score
    from dagen.scoring.false_alarms import false_alarms
    from dagen.scoring.starter import StarterGeometry, starter_scores
    from dagen.system.distributed import world
    from dagen.system.progress import Progress

    predictor = _opened(model, size, device)
    root = None if data_root is None else Path(data_root)
    dataset = open_dataset(data, split, predictor.task, root)
    meet(data, predictor.task, root)
    if not dataset.has_labels:
        raise DataError(
            f"{data} has no labels in its split '{split}', so nothing can be scored: add labels, "
            "or look at the predictions of `dagen predict`."
        )
    for key, value in (("metric", metric), ("geometry", geometry)):
        if value not in ("dagen", "starter"):
            raise UsageError(f"{key} is {quoted(value)}; write dagen or starter.")
    if metric_batch < 1:
        raise UsageError(f"metric_batch is {metric_batch}; give at least 1.")
    if geometry == "starter":
        dataset = StarterGeometry(dataset)
    with world("auto") as place, Progress(quiet=quiet or not place.main) as progress:
        images = len(dataset.labelled if metric == "starter" else dataset.labelled[:: place.size])
        bar = progress.task(f"scoring on {data}", images)
        if metric == "starter":
            found = starter_scores(predictor, dataset, batch=metric_batch, on_image=bar.advance)
        else:
            found = score(predictor, dataset, on_image=bar.advance, place=place).to_dict()
        if empty is not None:
            found["false_alarms"] = false_alarms(predictor, empty, root, progress).share
        return found


@overload
def predict(
    model: Predictor | Path | str,
    images: Image,
    *,
    size: Size | None = None,
    device: str = "auto",
) -> Prediction: ...


@overload
def predict(
    model: Predictor | Path | str,
    images: Path | str,
    out: Path | str,
    *,
    size: Size | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> list[Path]: ...


def predict(
    model: Predictor | Path | str,
    images: Image | Path | str,
    out: Path | str | None = None,
    *,
    size: Size | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> Prediction | list[Path]:
    """Segment one image in memory, or image files.

    >>> mask, probabilities = dagen.predict(model, image)          # doctest: +SKIP
    >>> masks = dagen.predict(model, "photos", "marked")           # doctest: +SKIP

    Args:
        model: a deployed or exported file, or a result of :func:`load` (for many images
            in a row, so that the file is read once).
        images: (H, W, 3) uint8 RGB; or an image file, a folder of images, a video, the index of a
            camera as text (``"0"``), or an address of a stream (``rtsp://``, ``http://``).
        out: folder of the masks and overlays, made if missing; for image files only.
        size: see :func:`load`; for a deployed file only.
        device: see :func:`load`; for a deployed file only.
        quiet: no progress display.

    Returns:
        For an array: ``mask``, (H, W) uint8 class ids, and ``probabilities``, (C, H, W) float32.
        For image files: the masks that were written, PNG files (mode L) of class ids, each with an
        overlay image beside it. For a video, the masks of its frames; a camera or a stream runs
        until SIGTERM or Ctrl-C.

    Raises:
        UsageError: an array of another shape or type, no image, no ``out`` for image files, two
            images whose masks would share a name, a file in ``out`` that dagen did not write, or an
            invalid size or device.
        DataError: some images cannot be read, or a video breaks off or is damaged; the others were
            segmented.
        Stopped: SIGTERM or Ctrl-C came before the end of a folder or a video file.
        DagenError: the deployed file is missing or damaged, or a mask cannot be written.
    """
    from dagen.scoring.prediction import predict_files, predict_image

    predictor = _opened(model, size, device)
    if not isinstance(images, Path | str):
        if out is not None:
            raise UsageError("images is an array, but out is for image files; omit out.")
        return predict_image(predictor, images)
    if out is None:
        raise UsageError(f"{images} needs a folder for its masks; give it as out.")
    from dagen.scoring.video.addresses import is_video

    if is_video(str(images)):
        from dagen.scoring.video.prediction import masks_of_video

        return masks_of_video(predictor, str(images), Path(out), quiet=quiet)
    done = predict_files(predictor, Path(images), Path(out), quiet=quiet)
    if done.signal:
        raise Stopped(f"{images} is segmented in part: {len(done.written)} masks.", done.signal)
    return done.written


def profile(
    model: Path | str,
    *,
    size: Size | None = None,
    width: float = 1.0,
    task: str = "material",
    enforce_cap: bool = False,
    threads: int | None = None,
) -> Measured:
    """The cost of a network: parameters, MACs, FLOPs, bytes as deployed, latency here.

    Args:
        model: a network's name; or a deployed or exported file, which is measured in its own
            runtime.
        size: height and width of the image in pixels; None is a file's own, and 224x448 for a name.
            An exported file has its own.
        width: multiplies the channels; for a name only.
        task: ``material`` or ``binary``; for a name only.
        enforce_cap: refuse more than 10,000,000 bytes.
        threads: threads that compute; None is all cores that this process may use.

    Raises:
        UsageError: an unknown network, or an invalid size, width, task or number of threads.
        DagenError: a file is missing or damaged; with ``enforce_cap``, also if it has more than
            10,000,000 bytes; the message names the largest width that fits.
    """
    from dagen.deploy import predictor, profiling
    from dagen.deploy.hub.locating import located
    from dagen.models.base import create_network
    from dagen.models.deployed import cost
    from dagen.models.deployed.file import load_deployed, offline
    from dagen.runs.config import from_mapping
    from dagen.types import Task

    model = located(model)
    shape = input_size(model, size)
    if Path(model).suffix in predictor.SUFFIXES:
        return profiling.of_file(Path(model), threads, enforce_cap=enforce_cap)
    options, size_of_file = {}, None
    if str(model).endswith(".safetensors"):
        network, card = load_deployed(model)
        name, options = card.model, offline(card.options)
        size_of_file = Path(model).stat().st_size
    else:
        name = str(model)
        kind = Task.named(from_mapping({"task": task, "width": width}).task)  # checked there
        network = create_network(name, kind, width, {}).eval()
    if enforce_cap:
        cost.enforce_cap(network, name, options=options, size=size_of_file)
    found = profiling.of_network(network, shape, threads)
    return found if size_of_file is None else replace(found, bytes=size_of_file)


def input_size(model: Path | str, size: Size | None) -> tuple[int, int]:
    """Height and width at which a network is profiled; see :func:`profile`."""
    from dagen.deploy import predictor
    from dagen.models.deployed.file import read_card
    from dagen.runs.config import Config

    if Path(model).suffix in predictor.SUFFIXES:
        if size is not None:
            raise UsageError(f"{model} is profiled at its own input size; omit size.")
        return predictor.load(Path(model)).size
    if size is not None:
        return sizes.checked(size)
    # A folder that is no run's is refused in words.
    if str(model).endswith(".safetensors") or (
        Path(model).is_dir() and str(model) not in plugins.names("models")
    ):
        return read_card(Path(model)).size
    return Config.size


def _opened(model: Predictor | Path | str, size: Size | None, device: str) -> Predictor:
    if isinstance(model, Path | str):
        return load(model, size=size, device=device)
    if size is not None or device != "auto":
        raise UsageError("this network is loaded already; give size and device to dagen.load.")
    return model
