"""The Hub's client, and its errors in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagen.errors import DagenError, UsageError, short


def client() -> Any:
    """The package ``huggingface_hub``.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import huggingface_hub
        import huggingface_hub.errors  # not loaded by the package itself
    except ImportError:
        raise UsageError(
            "the Hugging Face Hub needs the package huggingface_hub: pip install 'dagen[hub]'."
        ) from None
    return huggingface_hub


@contextmanager
def explained(repository: str) -> Iterator[None]:
    """Turn errors of the client into one line.

    Raises:
        DagenError: the client failed inside the block.
    """
    errors = client().errors
    told = f"the repository {short(repository)}"
    try:
        yield
    except errors.GatedRepoError:
        raise DagenError(
            f"{told} is gated: ask for access on its page, and log in with `hf auth login`."
        ) from None
    except errors.RepositoryNotFoundError:
        raise DagenError(
            f"{told} is not on the Hub, or you may not see it: check its name, and log in with "
            "`hf auth login` if it is private."
        ) from None
    except errors.RevisionNotFoundError:
        raise DagenError(f"{told} has no such revision; give a branch, tag or commit.") from None
    except errors.LocalTokenNotFoundError:
        raise DagenError(f"{told} needs you to be known: log in with `hf auth login`.") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError):
        raise DagenError(
            f"{told} cannot be reached, and is not in the cache: check the network connection."
        ) from None
    except errors.HfHubHTTPError as error:
        reason = short((str(error).strip().splitlines() or ["no reason given"])[0], 200)
        raise DagenError(f"{told}: the Hub refuses: {reason}.") from None
    except errors.HTTPError:  # of the package below, for an address that does not answer
        raise DagenError(f"{told} cannot be reached: check the network connection.") from None
