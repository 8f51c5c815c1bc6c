"""The frame of ``jobqueue top``: whatever is shown, it fits, and the most important is there."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.cli.frame import SORTS, View, coloured, draw, plain
from jobqueue.job import JobState, OutcomeKind
from jobqueue.store.inspect import QueueInfo, WorkerInfo
from jobqueue.store.snapshot import RunningJob, Snapshot
from jobqueue.store.stats import Stats, Times

NOW = datetime(2026, 11, 21, 11, 42, tzinfo=UTC)


def queue(name, waiting=0, active=0, failed=0, oldest=None, paused=False, parked=0):
    counts = dict.fromkeys(JobState, 0)
    counts |= {JobState.WAITING: waiting, JobState.ACTIVE: active, JobState.FAILED: failed}
    since = None if oldest is None else NOW - timedelta(seconds=oldest)
    return QueueInfo(name, paused, counts, parked, since, (), NOW)


def figures(name, task=None, **outcomes):
    counts = {OutcomeKind(kind): count for kind, count in outcomes.items()}
    return Stats(
        name, task, NOW - timedelta(seconds=100), NOW, counts, Times(1, 0.5, 2.5, 3), Times(1, 0.01, 0.02, 0.03)
    )


def view(queues=3, workers=2, running=2, failing=1, **options):
    names = [f"queue{number}" for number in range(queues)]
    return View(
        Snapshot(
            tuple(queue(name, 10 * number, 1, number, 90) for number, name in enumerate(names)),
            tuple(WorkerInfo(f"web{number}", NOW, "web", 1, tuple(names[:2]), 5, NOW, ()) for number in range(workers)),
            {"web0": 5},
            True,
            tuple(
                RunningJob(f"job{number}", "queue0", "send", "web0", NOW - timedelta(seconds=number))
                for number in range(running)
            ),
            {name: figures(name, completed=100 * number) for number, name in enumerate(names)},
            tuple(figures("queue0", f"task{number}", completed=6, failed=1, retried=3) for number in range(failing)),
        ),
        "redis://localhost:6379/0",
        **options,
    )


def text(view, width=200, height=None):
    return [plain(line) for line in draw(view, width, height)]


def test_a_frame_has_all_that_matters():
    lines = text(view(interval=2, arrivals={"queue1": 3.5}))
    assert lines[0] == "jobqueue top  redis://localhost:6379/0  11:42:00 UTC  every 2s"
    assert lines[1] == "30 waiting, 3/10 active, 3.5/s in, 3.0/s out, 2 workers, 3 failed"
    table = [line.split() for line in lines]
    assert table[3][:10] == ["QUEUE", "WAIT", "DELAYED", "BLOCKED", "ACTIVE", "FAILED", "IN", "OUT", "OLDEST", "WAITED"]
    assert table[5] == [
        "queue1",
        "10",
        "0",
        "0",
        "1",
        "1",
        "3.5/s",
        "1.0/s",
        "1m",
        "30s",
        "500ms",
        "2.5s",
        "10ms",
        "20ms",
    ]
    assert ["web0", "5/5", "queue0,queue1"] in table
    assert ["job1", "queue0", "send", "1s", "web0"] in table
    assert ["task0", "queue0", "1", "3", "40", "%"] in table
    assert lines[-1] == "q quit  p pause  s sort (by name)"


def test_what_is_wrong_stands_out():
    shown = view(interval=1, paused=True, trouble="Redis is not available")
    lines = draw(shown, 100, 30)
    assert "PAUSED" in plain(lines[0])
    assert plain(lines[2]) == "Redis is not available"
    assert "\x1b[31m" in coloured(lines[2])
    assert plain(lines[-1]).startswith("q quit  p go on")
    nothing = text(View(Snapshot((), (), {}, True, (), {}, ()), "redis://x"))
    assert "no queue has been used yet" in nothing
    assert "no worker is running" in nothing
    odd = Snapshot((queue("a", paused=True), queue("b", parked=12_345)), (), {"w": 3}, False, (), {}, ())
    assert [line.split()[:3] for line in text(View(odd, "x"))[4:6]] == [
        ["a", "(paused)", "0"],
        ["b", "(12k", "parked)"],
    ]


@pytest.mark.parametrize("sort", SORTS)
def test_queues_are_sorted_with_the_most_first(sort):
    names = [line.split()[0] for line in text(view(sort=sort))[4:7]]
    most_first = sort in ("waiting", "failed", "out")
    assert names == ["queue2", "queue1", "queue0"] if most_first else ["queue0", "queue1", "queue2"]


def test_a_small_terminal_shows_a_part_of_everything():
    lines = text(view(queues=100, workers=100, running=100, failing=100, interval=1), 80, 30)
    assert len(lines) == 30
    for heading in ("QUEUE", "WORKER", "RUNNING", "FAILING TASK"):
        assert any(line.startswith(heading) for line in lines)
    assert sum("more" in line for line in lines) == 4
    shown = [line for line in lines if line.startswith("queue")]
    assert f"… {100 - len(shown)} more" in lines


def test_a_large_terminal_shows_all():
    lines = text(view(queues=20, workers=3, interval=1), 200, 60)
    assert len([line for line in lines if line.startswith("queue")]) == 20
    assert not any("more" in line for line in lines)


@given(
    st.integers(0, 200), st.integers(0, 80), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30),
    st.integers(0, 30), st.booleans(),
)  # fmt: skip
def test_it_always_fits(width, height, queues, workers, running, failing, trouble):
    shown = view(queues, workers, running, failing, interval=1, trouble="x" * 300 if trouble else "")
    lines = draw(shown, width, height)
    assert len(lines) == max(5, height)
    assert all(len(plain(line)) <= max(20, width) for line in lines)
    assert plain(lines[-1]).startswith("q quit")


def test_nothing_that_is_shown_moves_the_cursor():
    shown = view(interval=1, trouble="a\x1b[2Jb\nc")
    assert text(shown, 80, 24)[2] == "a?[2Jb?c"
