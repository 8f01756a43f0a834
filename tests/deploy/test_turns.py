"""Turns: who is called in which order, and what is counted."""

from dagen.deploy.turns import in_turns


def test_each_has_its_turn_in_every_round_and_warm_up_is_not_counted() -> None:
    order: list[str] = []
    calls = [lambda: order.append("a"), lambda: order.append("b")]
    times = in_turns(calls, rounds=3, warm_up=0.0, turn=0.0)
    # One call to warm up and one that is counted, in a round before and in three that count.
    assert order == ["a", "a", "b", "b"] * 4
    assert [len(taken) for taken in times] == [3, 3]
    assert all(each >= 0 for taken in times for each in taken)


def test_quick_calls_are_repeated_until_their_turn_is_over() -> None:
    (times,) = in_turns([lambda: None], rounds=1, warm_up=0.0, turn=0.01)
    assert len(times) > 1
