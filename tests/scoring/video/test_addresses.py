"""What is a video, and what an address shows: never a password."""

from pathlib import Path

import pytest

from dagen.errors import UsageError
from dagen.scoring.video.addresses import is_video, name_of, require_scheme, shown


@pytest.mark.parametrize("given", ["film.mp4", "a/FILM.MKV", "0", "12", "rtsp://x", "HTTP://x/y"])
def test_videos(given: str) -> None:
    assert is_video(given)


def test_a_file_or_folder_of_such_a_name_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "0").mkdir()
    (tmp_path / "x.mp4").mkdir()
    for given in ("0", "x.mp4", "photo.jpg", "photos", "-1", "1.5", "²"):
        assert not is_video(given), given


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("rtsp://cam:554/stream1", "rtsp://cam:554"),
        ("rtsp://admin:secret@cam/stream1", "rtsp://cam"),
        ("rtsp://admin:se@cret@10.0.0.7:8554/x", "rtsp://10.0.0.7:8554"),
        ("rtsp://admin:se/cret@cam/x", "rtsp://…"),
        ("rtsp://admin:12/secret@cam/x", "rtsp://…"),
        ("rtsp://admin:se#cret@cam", "rtsp://…"),
        ("rtsp://admin:se?cret@cam", "rtsp://…"),
        ("rtsp://admin:p@secret/word@cam", "rtsp://…"),
        ("rtsp://cam/user=admin_password=secret_channel=1", "rtsp://cam"),
        ("http://cam/video?user=a&pwd=secret", "http://cam"),
        ("rtsp://[fe80::1]:554/x", "rtsp://[fe80::1]:554"),
        ("rtsp://cam:secret/x", "rtsp://…"),
        ("rtsp://", "rtsp://…"),
    ],
)
def test_an_address_shows_no_secret(address: str, expected: str) -> None:
    assert shown(address) == expected
    assert "cret" not in name_of(address)


def test_other_addresses_are_refused_without_being_quoted() -> None:
    with pytest.raises(UsageError, match=r"ftp://cam is no address .* rtsp://") as caught:
        require_scheme("ftp://admin:secret@cam/x")
    assert "secret" not in str(caught.value)


def test_names_of_results() -> None:
    given = ["rtsp://u:p@10.0.0.7:554/x", "rtsp://[fe80::1]/x", "rtsp://", "07", "a/film.part.mp4"]
    assert [name_of(each) for each in given] == [
        "10.0.0.7-554", "fe80-1", "stream", "camera-7", "film.part",
    ]  # fmt: skip
