"""Calls run at once, and their results come in order."""

import threading

import pytest

from dagen.scoring.at_once import Clock, at_once


def test_two_calls_meet_and_results_keep_their_order() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def doubled(number: int) -> int:
        meeting.wait()  # nobody passes alone
        return 2 * number

    found = [(given, result()) for given, result in at_once(doubled, ((k,) for k in range(8)), 2)]
    assert found == [((k,), 2 * k) for k in range(8)]


def test_an_error_belongs_to_its_call() -> None:
    results = list(at_once(lambda k: 12 // k, [(3,), (0,), (4,)], 2))
    assert results[0][1]() == 4 and results[2][1]() == 3
    with pytest.raises(ZeroDivisionError):
        results[1][1]()


def test_little_is_begun_ahead_and_nothing_after_the_end() -> None:
    begun: list[int] = []
    results = at_once(begun.append, ((k,) for k in range(100)), 2)
    next(results)
    results.close()
    assert len(begun) <= 4


def test_a_clock_adds_up_what_threads_took() -> None:
    clock = Clock()
    with clock("reading"):
        pass
    once = clock.seconds["reading"]
    with clock("reading"), clock("writing"):
        pass
    assert clock.seconds["reading"] > once >= 0 and set(clock.seconds) == {"reading", "writing"}
