"""Errors that a user can fix, in one line each: what was given, what is allowed, what to do."""

import difflib
from collections.abc import Iterable


class DagenError(Exception):
    """An error that a user can fix; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(DagenError):
    """A wrong option, name or configuration."""

    exit_code = 2


class DataError(DagenError):
    """A data set that is missing, damaged or inconsistent."""


def unknown(what: str, given: str, allowed: Iterable[str]) -> UsageError:
    """The error for an unknown name; its message suggests the nearest known one.

    Args:
        what: what the name stands for, such as ``"method"``.
        given: the name as it was typed.
        allowed: every name that would have been accepted.
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(given, names, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return UsageError(f"unknown {what} '{given}'{hint} Allowed: {', '.join(names) or 'none'}.")


class Stopped(DagenError):
    """The run was asked to stop (SIGTERM) and saved its state first."""

    exit_code = 143
