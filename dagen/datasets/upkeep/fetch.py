"""Downloads single files over HTTP: with retries, resuming, limits and a check of the result."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagen.datasets.upkeep import addresses
from dagen.errors import DagenError, DataError, UsageError, short

if TYPE_CHECKING:
    import httpx

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 60.0  # seconds
_REDIRECTS = 10


class RefusedError(Exception):
    """The server refused, or its answer is wrong; do not retry."""


class BrokenError(Exception):
    """The connection broke or the server is busy; retry, and resume the file."""


class LimitReached(DagenError):
    """All files together are larger than allowed."""


@dataclass(frozen=True)
class Patience:
    """The limits of retries and of slowness.

    Attributes:
        attempts: number of attempts for one address.
        pause: seconds before the second attempt, doubled before each further one.
        timeout: seconds without a byte after which a connection counts as broken.
        rate: least mean number of bytes per second in each window; below, it counts as broken too.
        window: seconds over which the rate is measured.
    """

    attempts: int = 5
    pause: float = 1.0
    timeout: float = 30.0
    rate: float = 1000.0
    window: float = 60.0


@dataclass(frozen=True)
class Room:
    """The most that is downloaded.

    Attributes:
        file: bytes of one file.
        total: bytes of all files that one Fetcher downloads, failed attempts included.
    """

    file: int
    total: int


class Fetcher:
    """Downloads single files over shared connections; safe to use from several threads.

    Only public hosts are contacted, see :mod:`dagen.datasets.upkeep.addresses`.

    Attributes:
        stop: set it to make every thread stop at its next block.
    """

    def __init__(
        self, patience: Patience, room: Room, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Open no connection yet.

        Args:
            patience: limits of retries and of slowness.
            room: limits of size.
            clock: a monotonic clock, in seconds.

        Raises:
            UsageError: the package httpx is not installed.
        """
        try:
            import httpx
        except ImportError:
            raise UsageError(
                "downloading needs the package httpx: pip install 'dagen[download]'."
            ) from None
        self.patience, self.room = patience, room
        self.stop = threading.Event()
        self._clock = clock
        self._received, self._counting = 0, threading.Lock()
        self._client = httpx.Client(
            timeout=patience.timeout,
            # "identity", because a compressed body cannot be resumed in the middle.
            headers={"Accept-Encoding": "identity", "User-Agent": "dagen"},
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, address: str, part: Path, check: Callable[[], object]) -> None:
        """Download ``address`` into ``part``, resuming an existing part, and check it.

        A part that is a link is removed, not followed.

        Raises:
            RefusedError: the server refuses, or the file does not pass ``check``.
            BrokenError: the last attempt failed too.
            LimitReached: all files together are larger than allowed.
        """
        attempt = 1
        while True:
            resumed = _is_own(part)
            try:
                self._download(address, part)
                check()
                return
            except RefusedError:
                part.unlink(missing_ok=True)
                # A part from another address, or of a file that has changed since, cannot be
                # completed: start again.
                if not resumed:
                    raise
                continue
            except DataError as error:  # cut short without notice, or not an image
                part.unlink(missing_ok=True)
                reason = str(error)
            except BrokenError as error:
                reason = str(error)
            if attempt >= self.patience.attempts or self.stop.is_set():
                raise BrokenError(f"{reason} ({attempt} attempts)")
            self.stop.wait(min(self.patience.pause * 2 ** (attempt - 1), _LONGEST_PAUSE))
            attempt += 1

    def _download(self, address: str, part: Path) -> None:
        import httpx

        start = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            response = self._open(address, headers)
            try:
                self._store(response, start, part)
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from None

    def _open(self, address: str, headers: dict[str, str]) -> httpx.Response:
        """The answer of a server after all redirects, its body not read yet."""
        import httpx

        for _ in range(_REDIRECTS):
            try:
                place = httpx.URL(address)
                if fault := addresses.fault(place):
                    raise RefusedError(fault)
                request = self._client.build_request("GET", place, headers=headers)
                response = self._client.send(request, stream=True)
            # ValueError and OverflowError: hosts and ports that only the system's resolver refuses.
            except (httpx.InvalidURL, ValueError, OverflowError) as error:
                raise RefusedError(f"not a valid address ({short(str(error))})") from None
            try:
                self._check_peer(response)
                if not response.has_redirect_location:
                    return response
                address = str(place.join(response.headers["Location"]))
            except (httpx.InvalidURL, ValueError) as error:
                response.close()
                raise RefusedError(f"a redirect to no address ({short(str(error))})") from None
            except BaseException:
                response.close()
                raise
            response.close()  # the body of a redirect is not read: it may be endless
        raise RefusedError(f"more than {_REDIRECTS} redirects")

    def _check_peer(self, response: httpx.Response) -> None:
        """Refuse a name that led elsewhere than when it was checked."""
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        if peer is None or addresses.through_proxy(response.request.url):
            return
        if fault := addresses.refused_peer(str(peer[0])):
            raise RefusedError(fault)

    def _store(self, response: httpx.Response, start: int, part: Path) -> None:
        status = response.status_code
        if status == 416:  # nothing follows: the part was complete already
            return
        if status in _TRANSIENT:
            raise BrokenError(f"the server answered {status}")
        if status not in (200, 206):
            raise RefusedError(f"the server answered {status}")
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise RefusedError("the server sent a page (text/html) in place of the file")
        goes_on = status == 206
        begins = response.headers.get("Content-Range", "")
        if goes_on and not begins.startswith(f"bytes {start}-"):
            raise RefusedError(f"the server resumed at another position ({short(begins)})")
        size = start if goes_on else 0
        with suppress(ValueError):
            self._require_room(size + int(response.headers.get("Content-Length", 0)))
        pace = _Pace(self.patience, self._clock)
        flags = os.O_APPEND if goes_on else os.O_TRUNC
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flags, 0o666)
        with open(descriptor, "wb") as file:
            for chunk in response.iter_raw():  # written as it arrives, without buffering
                if self.stop.is_set():
                    raise BrokenError("interrupted")
                size += len(chunk)
                self._require_room(size)
                self._count(len(chunk))
                pace.arrived(len(chunk))
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())

    def _require_room(self, size: int) -> None:
        if size > self.room.file:
            raise RefusedError(
                f"it is larger than {self.room.file / 1e6:g} MB, the limit of one file"
            )

    def _count(self, size: int) -> None:
        with self._counting:
            self._received += size
            if self._received > self.room.total:
                raise LimitReached(
                    f"more than {self.room.total / 1e9:g} GB have arrived, the limit of one "
                    "download; what has arrived is kept. Allow more, and run the command again."
                )


class _Pace:
    """Finds out that a server sends too slowly."""

    def __init__(self, patience: Patience, clock: Callable[[], float]) -> None:
        self._patience, self._clock = patience, clock
        self._began, self._arrived = clock(), 0

    def arrived(self, size: int) -> None:
        self._arrived += size
        now = self._clock()
        if now - self._began < self._patience.window:
            return
        if self._arrived < self._patience.rate * self._patience.window:
            raise BrokenError(
                f"fewer than {self._patience.rate:g} bytes per second arrived in "
                f"{self._patience.window:g} s"
            )
        self._began, self._arrived = now, 0


def _is_own(part: Path) -> bool:
    """Whether a part can be resumed; a link, to which something else belongs, is removed."""
    try:
        found = part.lstat()
    except FileNotFoundError:
        return False
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return True
    part.unlink()
    return False
