"""A bounded queue: a giver waits or the oldest goes, and both ends can end it."""

import threading

from dagen.scoring.video.handover import Handover


def test_in_order_until_the_end() -> None:
    line: Handover[int] = Handover(3)
    assert [line.put(i) for i in range(3)] == [True] * 3
    line.close()
    assert [line.get() for _ in range(4)] == [0, 1, 2, None]


def test_the_giver_waits_when_it_is_full() -> None:
    line: Handover[int] = Handover(2)
    given: list[int] = []

    def give() -> None:
        for i in range(6):
            line.put(i)
            given.append(i)
        line.close()

    giver = threading.Thread(target=give)
    giver.start()
    taken = []
    while (thing := line.get()) is not None:
        taken.append(thing)
        assert len(given) - len(taken) <= 3
    giver.join()
    assert taken == [*range(6)] and line.dropped == 0


def test_the_newest_are_kept() -> None:
    line: Handover[int] = Handover(2, newest=True)
    for i in range(7):
        line.put(i)
    line.close()
    assert [line.get(), line.get(), line.get()] == [5, 6, None] and line.dropped == 5


def test_a_cancelled_queue_frees_the_giver_and_the_taker() -> None:
    line: Handover[int] = Handover(1)
    line.put(0)
    said: list[bool] = []
    giver = threading.Thread(target=lambda: said.append(line.put(1)))
    giver.start()
    line.cancel()
    giver.join()
    assert said == [False] and line.get() is None and line.dropped == 0


def test_a_taker_that_is_asked_to_stop() -> None:
    line: Handover[int] = Handover(1)
    assert line.get(lambda: True) is None
    line.put(0)
    assert line.get(lambda: True) is None
