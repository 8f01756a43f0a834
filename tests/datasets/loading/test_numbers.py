"""A set of numbers that takes 8 bytes for each."""

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from dagen.datasets.loading.numbers import Numbers

NUMBERS = st.integers(0, 2**64 - 1)


@settings(deadline=None)
@given(st.lists(NUMBERS), NUMBERS, st.integers(0, 9000))
def test_numbers_are_a_set(few: list[int], other: int, many: int) -> None:
    found, known = Numbers(), {*few, *range(0, 3 * many, 3)}
    for number in (*few, *range(0, 3 * many, 3), *few):
        found.add(number)
    assert len(found) == len(known)
    for number in (*few, other, 0, 3 * many - 3, 3 * many, 1, 2**64 - 1):
        assert number < 0 or (number in found) == (number in known)


def test_most_of_many_are_in_one_array() -> None:
    found = Numbers()
    for number in range(20_000):
        found.add(number * 0x9E3779B97F4A7C15 % 2**64)
    assert len(found) == 20_000
    assert len(pickle.dumps(found._sorted)) > 0.75 * 8 * 20_000
