import pytest

from dagen.errors import DataError, UsageError, unknown


@pytest.mark.parametrize("given", ["advnet", "advent ", "advennt"])
def test_the_nearest_name_is_offered(given: str) -> None:
    error = unknown("method", given, ["advent", "minent"])
    assert f"'{given}'" in str(error)
    assert "did you mean 'advent'?" in str(error)
    assert "advent, minent" in str(error)


def test_nothing_near_still_lists_what_is_allowed() -> None:
    assert str(unknown("method", "zzz", ["a"])) == "unknown method 'zzz'. Allowed: a."


def test_a_name_that_is_allowed_twice_is_listed_once() -> None:
    assert str(unknown("class", "zzz", ["a", "b", "a"])).endswith("Allowed: a, b.")


def test_exit_codes() -> None:
    assert UsageError("x").exit_code == 2
    assert DataError("x").exit_code == 1
