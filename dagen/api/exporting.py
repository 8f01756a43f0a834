"""The function that exports a finished network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from dagen.deploy.export import Exported


def export(
    model: Path | str,
    out: Path | str | None = None,
    *,
    format: Literal["onnx", "openvino", "litert"] = "onnx",
    uint8: bool = False,
    int8: bool = False,
    fp16: bool = False,
    calibrate: str | None = None,
    max_drop: float | None = None,
    fine_tune: int = 0,
    images: Path | str | None = None,
    licence: str | None = None,
    runs: Path | str = "runs",
    data_root: Path | str | None = None,
    track: bool = True,
    experiment: str = "dagen",
    quiet: bool = True,
) -> Exported:
    """Write a deployed network as one file for other runtimes, which takes plain RGB images.

    The file is compared with PyTorch on images, and kept only if no output differs by more than
    1e-4 of the largest one.

    >>> dagen.export("runs/belt-taco", "net.onnx").file            # doctest: +SKIP
    >>> mask, _ = dagen.predict("net.onnx", image)                 # doctest: +SKIP

    Args:
        model: a deployed file; or a finished run: its folder, its name, or the hash at the end of
            its name.
        out: the file to write; None is the deployed file's name with another suffix.
        format: ``onnx``, or ``openvino`` for an ``.xml`` file with a ``.bin`` file beside it;
            ``litert`` is refused with the reason.
        uint8: whether the input is uint8 in 0 to 255, and not float32 in [0, 1].
        int8: whether convolutions compute in 8 bits. How far that is from PyTorch is measured and
            told, and does not decide whether the file is kept.
        fp16: whether weights have half precision: the file halves, and computes in float32 still.
        calibrate: data set whose unlabelled training images set the ranges of int8; None is the
            run's target.
        max_drop: points of agreement with float32 that int8 may lose, measured on training images
            without labels (see :mod:`dagen.deploy.agreement`); the most sensitive layers then stay
            in float32. None puts all layers into 8 bits.
        fine_tune: steps for which the network learns to bear 8 bits first, with the strategies,
            and data of its run (see ``dagen.deploy.fine_tuning``); 0 trains nothing,
            and neither does a network that is within ``max_drop`` already. That is a run like any
            other, in ``runs`` and MLflow; the same call resumes one that was stopped.
        images: folder of images for the comparison; None takes training images of the run's data
            sets, or generated images if none of them is here.
        licence: licence of the weights, for the file's metadata.
        runs: folder of all runs.
        data_root: folder of all data sets; None is ``$DAGEN_DATA``.
        track: whether to log the run of ``fine_tune`` to MLflow.
        experiment: its MLflow experiment.
        quiet: no progress display.

    Raises:
        UsageError: no such run or format, a missing package, ``out`` cannot be this file, or no
            run whose strategies could fine-tune the network.
        Stopped: SIGTERM or Ctrl-C came while it was fine-tuned; the state is saved.
        DagenError: the network is missing or damaged, cannot be exported, or computes something
            else in the other runtime; no file is written then.
    """
    from dagen.deploy import export as exporting
    from dagen.deploy import refusals
    from dagen.runs.finding import file_of

    file = file_of(str(model), Path(runs))
    refusals.check_format(format)
    refusals.check_fine_tuning(fine_tune, int8)
    target = file.with_suffix(refusals.ENDINGS[format]) if out is None else Path(out)
    options: dict[str, Any] = {
        "format": format,
        "kind": "uint8" if uint8 else "float32",
        "calibrate": calibrate,
        "max_drop": max_drop,
        "images": None if images is None else Path(images),
        "data_root": None if data_root is None else Path(data_root),
        "licence": exporting.UNSTATED if licence is None else licence,
    }
    if not fine_tune:
        return exporting.export(file, target, int8=int8, fp16=fp16, **options)
    from dagen.deploy.fine_tuning import export_tuned
    from dagen.runs.runtime import Runtime

    refusals.check_out(target, format)
    refusals.check_precision(int8, fp16, calibrate, max_drop)
    runtime = Runtime(runs, options["data_root"], track=track, experiment=experiment, quiet=quiet)
    return export_tuned(file, target, steps=fine_tune, runtime=runtime, **options)
