"""Whose turn it is when several queues want the next slot."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.worker.slots import Slots

QUEUES = ["a", "b", "c"]


def slots(total: int, *wanting: str) -> Slots:
    """Return slots that some queues want, in this order."""
    made = Slots(total)
    for queue in wanting:
        made.want(queue)
    return made


@pytest.mark.parametrize(
    ("total", "wanting", "queue", "share"),
    [
        (10, [], "a", 10),
        (10, ["a"], "a", 10),
        (10, ["a", "b"], "a", 5),
        (10, ["a", "b"], "b", 5),
        (11, ["a", "b"], "a", 6),
        (11, ["a", "b"], "b", 5),
        (10, ["a", "b", "c"], "a", 4),
        (10, ["a", "b", "c"], "b", 3),
        (10, ["a", "b", "c"], "c", 3),
        (1, ["a", "b"], "a", 1),
        (1, ["a", "b"], "b", 0),
        (2, ["a", "b", "c"], "c", 0),
        (10, ["b"], "a", 0),
        (1, ["a", "a"], "a", 1),
        (0, ["a"], "a", 0),
        (0, [], "a", 0),
    ],
)
def test_queues_with_work_get_equal_shares_and_the_odd_slots_go_by_turn(total, wanting, queue, share):
    found = slots(total, *wanting)
    assert found.reserve(queue, 100) == share
    assert found.free == total - share


def test_whoever_was_served_goes_to_the_end_of_the_line():
    found = slots(4, "a", "b", "c")
    assert found.next_in_turn == "a"
    assert (found.reserve("a", 100), found.next_in_turn) == (2, "b")
    assert (found.reserve("b", 100), found.next_in_turn) == (1, "c")
    assert (found.reserve("c", 100), found.next_in_turn) == (1, "a")


def test_whoever_got_nothing_keeps_its_turn():
    found = slots(1, "a", "b")
    assert found.reserve("b", 100) == 0
    assert found.reserve("a", 100) == 1
    assert found.reserve("b", 100) == 0
    assert found.next_in_turn == "b"
    found.release(1)
    assert found.reserve("a", 100) == 0
    assert found.reserve("b", 100) == 1


def test_a_queue_without_work_stands_in_nobodys_way():
    found = slots(10, "a", "b")
    found.sated("a")
    found.sated("c")
    assert found.next_in_turn == "b"
    assert found.reserve("b", 100) == 10


def test_nobody_is_next_when_nobody_has_work():
    found = slots(10, "a")
    found.sated("a")
    assert found.next_in_turn is None


def test_a_lone_queue_gets_everything_again_and_again():
    found = slots(7, "a")
    for _ in range(3):
        assert found.reserve("a", 100) == 7
        found.release(7)


seeds = st.integers(0, 2**32).map(Random)


@given(st.integers(1, 20), st.integers(1, 5), seeds)
def test_of_queues_that_always_want_work_each_gets_some_whoever_asks_most(total, count, random):
    queues = [f"q{number}" for number in range(count)]
    found = slots(total, *queues)
    for _ in range(5):
        # All slots are taken, whoever happens to ask first; then all jobs end.
        served = dict.fromkeys(queues, 0)
        while found.free:
            queue = random.choice(queues)
            served[queue] += found.reserve(queue, 100)
        assert sum(served.values()) == total
        assert total < count or min(served.values()) > 0
        found.release(total)


@given(st.integers(1, 10), st.integers(2, 5), seeds)
def test_when_jobs_end_one_by_one_the_queues_take_turns(total, count, random):
    queues = [f"q{number}" for number in range(count)]
    found = slots(total, *queues)
    while found.free:
        found.reserve(found.next_in_turn, 100)
    order = []
    for _ in range(3 * count):
        found.release(1)
        asking = random.sample(queues, count)
        order += [queue for queue in asking if found.reserve(queue, 100)]
    assert order == order[:count] * 3
    assert set(order) == set(queues)


steps = st.one_of(
    st.tuples(st.sampled_from(["want", "sated", "reserve"]), st.sampled_from(QUEUES)),
    st.tuples(st.just("release"), st.integers(1, 3)),
)


@given(st.integers(0, 10), st.lists(steps, max_size=50))
def test_never_are_there_fewer_than_no_slots_or_more_than_all(total, steps):
    found, wanting, busy = Slots(total), set(), 0
    for verb, subject in steps:
        if verb == "release":
            returned = min(subject, busy)
            found.release(returned)
            busy -= returned
        elif verb == "reserve":
            free, first = found.free, found.next_in_turn
            share = found.reserve(subject, 100)
            busy += share
            assert 0 <= share <= free
            if wanting:
                assert share > 0 or free == 0 or subject != first
                assert share == 0 or subject in wanting
            else:
                assert share == free
        else:
            getattr(found, verb)(subject)
            (wanting.add if verb == "want" else wanting.discard)(subject)
        assert found.free == total - busy >= 0
        assert (found.next_in_turn in wanting) is bool(wanting)


def test_no_more_are_reserved_than_can_be_used():
    found = Slots(1000)
    assert found.reserve("a", 100) == 100
    found.want("a")
    found.want("b")
    assert (found.reserve("a", 100), found.reserve("b", 100)) == (100, 100)
    assert found.free == 700
