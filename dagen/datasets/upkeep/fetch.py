"""Fetches single files over HTTP: tries again, goes on where it stopped, checks what came."""

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
    """The server has spoken, or what it sent is wrong: trying again will not help."""


class BrokenError(Exception):
    """The connection broke or the server is busy: try again, from where it stopped."""


@dataclass(frozen=True)
class Patience:
    """How often and how long to try.

    Attributes:
        attempts: tries for one address.
        pause: seconds before the second try, doubled before each further one.
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
        """Opens no connection yet.

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
            # "identity": a packed body could not be continued in the middle.
            headers={"Accept-Encoding": "identity", "User-Agent": "dagen"},
            follow_redirects=True,
        )

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def fetch(self, address: str, part: Path, check: Callable[[], object]) -> None:
        """Downloads ``address`` into ``part``, going on with what is there, and checks it.

        Raises:
            RefusedError: the server refuses, or what it sends does not pass ``check``.
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
                # A part that was begun from another address, or of a file that has changed
                # since, spoils what is added to it: once more from the start.
                if not resumed:
                    raise
                continue
            except DataError as error:  # cut short without notice, or no picture at all
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
                if response.status_code == 416:  # nothing follows: the part was whole already
                    return
                if response.status_code in _TRANSIENT:
                    raise BrokenError(f"the server answers {response.status_code}")
                if response.status_code not in (200, 206):
                    raise RefusedError(f"the server answers {response.status_code}")
                goes_on = response.status_code == 206
                begins = response.headers.get("Content-Range", "")
                if goes_on and not begins.startswith(f"bytes {start}-"):
                    raise RefusedError(f"the server continues at another place ({begins})")
                with part.open("ab" if goes_on else "wb") as file:
                    for chunk in response.iter_raw():  # as it comes, nothing held back
                        if self.stop.is_set():
                            raise BrokenError("interrupted")
                        file.write(chunk)
                    file.flush()
                    os.fsync(file.fileno())
        except httpx.InvalidURL as error:
            raise RefusedError(f"no valid address ({error})") from None
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
            raise RefusedError(str(error)) from None
        except httpx.HTTPError as error:
            raise BrokenError(f"{type(error).__name__}: {error}") from None
