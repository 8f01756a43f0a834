"""Downloads single files over HTTP: with retries, resuming and a check of the result."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dagen.errors import DataError, UsageError

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE = 60.0  # seconds


class RefusedError(Exception):
    """The server refused, or its answer is wrong; do not retry."""


class BrokenError(Exception):
    """The connection broke or the server is busy; retry, and resume the file."""


@dataclass(frozen=True)
class Patience:
    """The limits of retries.

    Attributes:
        attempts: number of attempts for one address.
        pause: seconds before the second attempt, doubled before each further one.
        timeout: seconds without a byte after which a connection counts as broken.
    """

    attempts: int = 5
    pause: float = 1.0
    timeout: float = 30.0


class Fetcher:
    """Downloads single files over shared connections; safe to use from several threads.

    Attributes:
        stop: set it to make every thread stop at its next block.
    """

    def __init__(self, patience: Patience) -> None:
        """Open no connection yet.

        Raises:
            UsageError: the package httpx is not installed.
        """
        try:
            import httpx
        except ImportError:
            raise UsageError(
                "downloading needs the package httpx: pip install 'dagen[download]'."
            ) from None
        self.patience = patience
        self.stop = threading.Event()
        self._client = httpx.Client(
            timeout=patience.timeout,
            # "identity", because a compressed body cannot be resumed in the middle.
            headers={"Accept-Encoding": "identity", "User-Agent": "dagen"},
            follow_redirects=True,
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, address: str, part: Path, check: Callable[[], object]) -> None:
        """Download ``address`` into ``part``, resuming an existing part, and check it.

        Raises:
            RefusedError: the server refuses, or the file does not pass ``check``.
            BrokenError: the last attempt failed too.
        """
        attempt = 1
        while True:
            resumed = part.is_file()
            try:
                self._stream(address, part)
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

    def _stream(self, address: str, part: Path) -> None:
        import httpx

        start = part.stat().st_size if part.is_file() else 0
        headers = {"Range": f"bytes={start}-"} if start else {}
        try:
            with self._client.stream("GET", address, headers=headers) as response:
                if response.status_code == 416:  # nothing follows: the part was complete already
                    return
                if response.status_code in _TRANSIENT:
                    raise BrokenError(f"the server answered {response.status_code}")
                if response.status_code not in (200, 206):
                    raise RefusedError(f"the server answered {response.status_code}")
                goes_on = response.status_code == 206
                begins = response.headers.get("Content-Range", "")
                if goes_on and not begins.startswith(f"bytes {start}-"):
                    raise RefusedError(f"the server resumed at another position ({begins})")
                with part.open("ab" if goes_on else "wb") as file:
                    for chunk in response.iter_raw():  # written as it arrives, without buffering
                        if self.stop.is_set():
                            raise BrokenError("interrupted")
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
        except httpx.InvalidURL as error:
            raise RefusedError(f"not a valid address ({error})") from None
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise RefusedError(str(error)) from None
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from None
