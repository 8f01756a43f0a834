from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from dagen.errors import DagenError, UsageError
from dagen.models.layers.pretrained import (
    EFFICIENTNET_LITE0,
    RESNET18,
    Pretrained,
    check_pretrained,
)


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def put(folder: Path, value: object) -> Pretrained:
    """A small file of weights, and its description."""
    path = folder / "small.pth"
    torch.save(value, path)
    payload = path.read_bytes()
    return Pretrained(
        name="Small", data="Few", file=path.name, bytes=len(payload),
        sha256=sha256(payload).hexdigest(), licence="MIT", extra="lite", package="no-such-package",
    )  # fmt: skip


def test_a_file_of_the_right_digest_is_read(downloads: Path) -> None:
    weights = {"a": torch.arange(3.0)}
    found = put(downloads, weights).load()
    assert torch.equal(found["a"], weights["a"])


def test_a_damaged_file_is_refused_in_one_line(downloads: Path) -> None:
    small = put(downloads, {"a": torch.arange(3.0)})
    path = downloads / small.file
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(
        DagenError, match=r"small\.pth is not the file of Small .* delete it"
    ) as error:
        small.load()
    assert "\n" not in str(error.value)


def test_a_file_with_code_in_it_is_not_run(downloads: Path) -> None:
    small = put(downloads, {"a": Path("x")})  # an object that only unpickling can make
    with pytest.raises(Exception, match="weights_only"):
        small.load()


def test_a_missing_package_is_one_line_with_the_way_out(downloads: Path) -> None:
    small = replace(put(downloads, {}), file="other.pth")
    for refused in (small.require, small.load):
        with pytest.raises(DagenError) as error:
            refused()
        text = str(error.value)
        assert "pip install 'dagen[lite]'" in text and str(downloads) in text
        assert "--set model_options.pretrained=false" in text and "\n" not in text


def test_a_download_that_fails_is_one_clear_line(
    downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    RESNET18.require()  # it is downloaded when it is needed
    with pytest.raises(DagenError, match=r"no route to host.*resnet18-\w+\.pth") as error:
        RESNET18.load()
    assert "\n" not in str(error.value)


def test_the_package_has_the_described_file() -> None:
    path = EFFICIENTNET_LITE0.find()
    if path is None:
        pytest.skip("the extra dagen[lite] is not installed")
    assert path.stat().st_size == EFFICIENTNET_LITE0.bytes
    assert len(EFFICIENTNET_LITE0.load()) == 296


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("yes", 1.0, False), "pretrained is 'yes'; it must be true or false"),
        ((True, 0.5, False), r"width is 0\.5 with pretrained"),
        ((True, 1.0, True), "exclude each other"),
    ],
)
def test_starts_that_no_weights_fit_are_refused(
    values: tuple[object, float, bool], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        check_pretrained(*values)
    check_pretrained(False, 0.5, True)
    check_pretrained(True, 1.0, False)
