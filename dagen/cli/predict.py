"""``dagen predict``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dagen.cli import options
from dagen.cli._filming import Wants, film
from dagen.errors import Stopped, UsageError, short

if TYPE_CHECKING:
    from dagen.scoring.objects import Shape
    from dagen.scoring.prediction import Segmented
    from dagen.scoring.predictor import Predictor


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(predict)


def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL]",
            help="A deployed file (.safetensors) or its run's folder, an exported file (.onnx, "
            ".xml), user/name of the Hub, or a teacher's name; may be left out.",
            show_default="dagen/waste-int8",
        ),
    ],
    images: Annotated[
        str | None,
        typer.Argument(
            metavar="IMAGES",
            help="An image, a folder of images, a video, a camera's index (0), or an address "
            "(rtsp://, http://).",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for masks and overlays.")] = Path("predictions"),
    masks: Annotated[
        bool, typer.Option("--masks/--no-masks", help="Write masks; of a video, one a frame.")
    ] = True,
    overlay: Annotated[
        bool, typer.Option("--overlay/--no-overlay", help="Write overlays; of a video, a video.")
    ] = True,
    objects: Annotated[
        Path | None,
        typer.Option(
            help="File for all objects as COCO JSON (of a video also .jsonl: a line for each "
            "frame); - prints each as a GeoJSON line, in pixels."
        ),
    ] = None,
    least: Annotated[
        int, typer.Option("--min-area", min=1, help="Pixels of the smallest object.")
    ] = 1,
    seconds: Annotated[
        float | None, typer.Option(help="End a video, camera or stream after this time.")
    ] = None,
    size: options.Cover = None,
    device: options.Device = "auto",
    threads: Annotated[
        int | None,
        typer.Option(
            help="Threads that compute one image; up to 4 images are segmented at once.",
            show_default="the runtime's own",
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Segment images or a video: writes a mask of class ids (PNG) for each, and overlays.

    Without a network, dagen/waste-int8 is used, which comes with dagen and knows litter.

    Pictures are never overwritten; masks and overlays of earlier calls are, and are left out of
    what is segmented. Pictures that cannot be read are listed at the end (exit code 1).

    No frame of a video file is left out. A camera or stream runs until Ctrl-C, and frames that come
    while the network is busy are dropped and counted.
    """
    from dagen.api import networks
    from dagen.scoring.objects import CocoObjects, feature, require_own
    from dagen.scoring.prediction import NotSegmented, predict_files
    from dagen.scoring.video.addresses import is_video
    from dagen.system.files import make_folder, write_atomically
    from dagen.system.threads import check_threads

    check_threads(threads)
    model, images = _named(model, images)

    def opened() -> Predictor:
        return networks.load(model, size=size, device=device, threads=threads)

    if is_video(images):
        wants = Wants(out, masks, overlay, objects, least, seconds)
        film(opened, images, wants, quiet=quiet)
        return
    if not masks or seconds is not None:
        option = "--seconds" if masks else "--no-masks"
        raise UsageError(f"{option} is for a video, and {short(images, 200)} is none; omit it.")
    if objects is not None and objects != Path("-"):
        require_own(objects)
    predictor = opened()
    lines, document = objects == Path("-"), CocoObjects(predictor.task)

    def on_objects(name: str, shape: tuple[int, int], found: list[Shape]) -> None:
        document.add(name, shape, found)
        if lines:
            for each in found:
                typer.echo(json.dumps(feature(name, each, predictor.task)))

    failures: list[str] = []
    wanted = None if objects is None else on_objects
    try:
        done = predict_files(
            predictor,
            Path(images),
            out,
            quiet=quiet,
            overlays=overlay,
            on_objects=wanted,
            least=least,
        )
    except NotSegmented as error:
        done, failures = error.done, error.failures
    if objects is not None and not lines:
        make_folder(objects.parent)
        write_atomically(objects, json.dumps(document.document()).encode())
    for line in _told(done, out, objects, overlay):
        typer.echo(line, err=lines)
    for failure in failures:
        typer.echo(failure, err=True)
    if failures:
        typer.echo(f"dagen: {len(failures)} image(s) could not be segmented.", err=True)
    if done.signal:
        count = len(done.written) + len(failures)
        raise Stopped(f"{short(images, 200)} is segmented up to image {count}.", done.signal)
    if failures:
        raise typer.Exit(1)


def _named(model: str, images: str | None) -> tuple[str, str]:
    """The network and the images: with one argument, the network that comes with dagen."""
    from dagen.deploy.hub.locating import folders_network
    from dagen.deploy.hub.names import SHIPPED

    if images is not None:
        return model, images
    if model.endswith((".safetensors", ".onnx", ".xml")) or folders_network(model):
        raise UsageError(f"{short(model, 200)} needs images: dagen predict {short(model)} IMAGES.")
    typer.echo(f"No network is named: {SHIPPED}, which comes with dagen, is used.", err=True)
    return SHIPPED, model


def _told(done: Segmented, out: Path, objects: Path | None, overlay: bool) -> list[str]:
    count, total = len(done.written), sum(done.seconds.values())
    what = "masks and overlays" if overlay else "masks"
    told = [f"{count} image(s) segmented; {what} are in {out}."]
    if objects is not None:
        where = "" if objects == Path("-") else f"; they are in {objects}"
        told.append(f"{done.found} object(s) found{where}.")
    if count and total and done.wall:
        shares = ", ".join(f"{name} {100 * s / total:.0f} %" for name, s in done.seconds.items())
        told.append(
            f"{count / done.wall:.1f} images per second (of the busy time, {shares}; pictures are "
            "segmented several at once)."
        )
    return told
