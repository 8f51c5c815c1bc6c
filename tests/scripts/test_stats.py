"""measure.lua and stats.lua: figures of each task and minute, each report counted once, and all of it bounded."""

import pytest

from jobqueue.job import OutcomeKind
from jobqueue.store import stats
from jobqueue.store.stats import Tally, measure, read_stats

MINUTE, HOUR = 60, 3600
FIRST = 1_763_700_000_000 // 60_000


def tally(completed: int = 1, bucket: int = 3) -> Tally:
    """Return figures of some jobs."""
    found = Tally()
    found.outcomes[OutcomeKind.COMPLETED] = completed
    found.waited[bucket] = completed
    found.ran[bucket + 1] = completed
    return found


@pytest.fixture
def read(client, keys):
    """Return what reads the figures of some seconds: by minute, counted from the first, and task."""

    def run(since=HOUR):
        found = {}
        page = client.run(read_stats(keys, since * 1000))
        while True:
            for minute, task, words in page.entries:
                found[minute - FIRST, task] = parsed = Tally()
                parsed.add_wire(words)
            if page.following is None:
                return found
            page = client.run(read_stats(keys, page.minute, page.following))

    return run


def test_reports_of_a_minute_are_added_up(client, keys, keyspace, read, travel):
    assert client.run(measure(keys, "one", 1, {"send": tally(2), "load": tally(1)})) is True
    assert client.run(measure(keys, "two", 1, {"send": tally(3), "greet": tally(4, 100)})) is True
    travel.by(MINUTE)
    assert client.run(measure(keys, "one", 2, {"send": tally(1)})) is True
    assert read() == {
        (0, "send"): tally(5), (0, "load"): tally(1), (0, "greet"): tally(4, 100), (1, "send"): tally(1),
    }  # fmt: skip
    assert set(keyspace().present) == {"stats", "minutes"}


def test_a_report_that_is_sent_again_is_not_counted_again(client, keys, read):
    client.run(measure(keys, "one", 1, {"send": tally(2)}))
    assert client.run(measure(keys, "one", 1, {"send": tally(2)})) is False
    client.run(measure(keys, "one", 2, {"send": tally(1)}))
    assert client.run(measure(keys, "one", 1, {"send": tally(2)})) is False
    assert read() == {(0, "send"): tally(3)}


def test_only_what_is_asked_for_is_read(client, keys, read, travel):
    for number in range(1, 5):
        client.run(measure(keys, "one", number, {"send": tally(number)}))
        travel.by(MINUTE)
    # The minute in which it begins is counted too.
    assert read(2 * MINUTE) == {(2, "send"): tally(3), (3, "send"): tally(4)}
    assert read(0) == {}


def test_what_is_too_old_is_deleted_with_what_is_known_of_processes(client, keys, keyspace, travel):
    for number in range(3):
        client.run(measure(keys, f"p{number}", 1, {"send": tally(), "load": tally()}))
        travel.by(MINUTE)
    travel.by(stats.KEPT - 2 * MINUTE)
    client.run(measure(keys, "new", 1, {"send": tally()}))
    space = keyspace()
    now = FIRST + 24 * 60 + 1
    assert set(space["stats"]) == {f"{FIRST + 2}|send", f"{FIRST + 2}|load", "=p2", f"{now}|send", "=new"}
    assert set(space["minutes"]) == set(space["stats"])


def test_tasks_that_are_too_many_are_added_up(client, keys, read, monkeypatch):
    monkeypatch.setattr(stats, "MOST_TASKS", 3)
    client.run(measure(keys, "one", 1, {name: tally() for name in "abcdef"}))
    client.run(measure(keys, "one", 2, {name: tally() for name in "afg"}))
    found = read()
    assert {task for _, task in found} == {"a", "b", "c", "*"}
    assert found[0, "a"] == tally(2)
    assert found[0, "*"] == tally(5)


def test_many_are_read_in_pages(client, keys, read, travel, monkeypatch):
    monkeypatch.setattr(stats, "PAGE", 7)
    for number in range(1, 6):
        client.run(measure(keys, "one", number, {name: tally(number) for name in "abcde"}))
        travel.by(MINUTE)
    assert len(read()) == 25
    assert len(read(3 * MINUTE)) == 15
