"""What code can ask and say about the job that is running it."""

import asyncio
import threading
from contextvars import copy_context
from decimal import Decimal

import pytest

from jobqueue.context import LINE_LIMIT, PROGRESS_LIMIT, JobContext, current_job, enter
from jobqueue.errors import InvalidOption, NotInsideJob, PayloadTooLarge


@pytest.fixture
def spoken():
    return []


@pytest.fixture
def job(spoken):
    return JobContext(
        id="j1",
        task="greet",
        queue="mail",
        attempt=1,
        max_attempts=3,
        token=7,
        meta={"trace": "a"},
        created_at=None,
        deadline=None,
        spoke=spoken.append,
    )


def test_a_job_that_says_nothing_has_nothing_to_keep(job, spoken):
    assert job.take() == (b"", 0, [])
    assert spoken == []


def test_it_is_announced_once_until_it_was_taken(job, spoken):
    job.progress(0.5)
    job.log("half")
    job.progress(0.6)
    assert spoken == [job]
    job.take()
    assert spoken == [job]
    job.log("more")
    job.log("and more")
    assert spoken == [job, job]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, b"0.5"),
        (1, b"1"),
        (None, b"null"),
        ("half", b'"half"'),
        ({"done": 5, "of": [1, 2]}, b'{"done":5,"of":[1,2]}'),
        (Decimal("0.5"), b'"0.5"'),
        (float("nan"), b'"NaN"'),
        (float("inf"), b'"Infinity"'),
    ],
)
def test_progress_is_any_json_value(job, value, text):
    job.progress(value)
    assert job.take() == (text, 0, [])


def test_only_the_latest_progress_is_taken_and_only_once(job):
    job.progress(0.1)
    job.progress(0.2)
    assert job.take()[0] == b"0.2"
    assert job.take()[0] == b""
    job.progress(0.3)
    assert job.take()[0] == b"0.3"


def test_lines_are_taken_in_order_with_the_number_of_those_taken_before(job):
    job.log("a")
    job.log("b")
    assert job.take() == (b"", 0, ["a", "b"])
    assert job.take() == (b"", 2, [])
    job.log("c")
    assert job.take() == (b"", 2, ["c"])
    job.log("d")
    assert job.take() == (b"", 3, ["d"])


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("x" * 4096, "x" * 4096),
        ("x" * (LINE_LIMIT + 1), "x" * LINE_LIMIT),
        (5, "5"),
        (None, "None"),
        ("two\nlines", "two\nlines"),
        ("a file called \udcff", "a file called \\udcff"),
        ("\udcff" * LINE_LIMIT, ("\\udcff" * LINE_LIMIT)[:LINE_LIMIT]),
    ],
)
def test_a_line_is_a_text_of_bounded_length_that_can_be_written(job, said, kept):
    job.log(said)
    assert job.take() == (b"", 0, [kept])
    kept.encode()


def deep(levels):
    """Return a list in a list in a list ..."""
    value = []
    for _ in range(levels):
        value = [value]
    return value


def endless():
    """Return a list that contains itself."""
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (object, InvalidOption, r"progress\(object\): "),
        (lambda: "\ud800", InvalidOption, r"progress\(str\): "),
        (endless, InvalidOption, r"progress\(list\): "),
        (lambda: deep(220), InvalidOption, r"progress\(list\): "),
        (lambda: deep(100_000), InvalidOption, r"progress\(list\): "),
        (lambda: 10**5000, InvalidOption, r"progress\(int\): "),
        (lambda: "x" * PROGRESS_LIMIT, PayloadTooLarge, r"65,538 bytes of JSON, over the limit of 65,536"),
    ],
)
def test_progress_that_cannot_be_kept_is_refused_and_changes_nothing(job, spoken, make, error, message):
    with pytest.raises(error, match=message):
        job.progress(make())
    assert spoken == []
    assert job.take() == (b"", 0, [])


def test_progress_at_the_limit_is_kept(job):
    job.progress("x" * (PROGRESS_LIMIT - 2))
    assert len(job.take()[0]) == PROGRESS_LIMIT


def test_what_a_process_of_the_job_says_is_taken_over(job, spoken):
    job.hear(b"0.5", ["a"])
    job.hear(b"", ["b"])
    assert spoken == [job]
    assert job.take() == (b"0.5", 0, ["a", "b"])
    job.hear(b"", ["c"])
    assert job.take() == (b"", 2, ["c"])
    job.hear(b"0.6", [])
    assert job.take() == (b"0.6", 3, [])
    assert spoken == [job, job, job]


def test_nothing_is_lost_when_a_thread_speaks_while_it_is_taken(job):
    total = 20_000
    thread = threading.Thread(target=lambda: [job.log(str(number)) for number in range(total)])
    taken = []
    thread.start()
    while thread.is_alive():
        _, before, lines = job.take()
        assert before == len(taken)
        taken += lines
    taken += job.take()[2]
    assert taken == [str(number) for number in range(total)]


def test_it_is_cancelled_once_it_was_told_to_stop(job):
    assert not job.cancelled
    job.stop()
    assert job.cancelled


def test_a_job_has_no_key_and_has_waited_for_nothing_unless_it_was_told_so(job):
    assert (job.key, job.dependencies()) == (None, [])


async def test_what_it_has_waited_for_is_asked_of_what_knows(spoken):
    class Bonds:
        """What a handle is to a context."""

        def __init__(self, queue, job_id):
            self.name = f"{queue}/{job_id}"

        def dependencies(self):
            return [f"a of {self.name}"]

        async def adependencies(self):
            return [f"b of {self.name}"]

    job = JobContext(
        id="j1",
        task="greet",
        queue="mail",
        attempt=1,
        max_attempts=3,
        token=7,
        meta={},
        created_at=None,
        deadline=None,
        spoke=spoken.append,
        key="acme",
        bonds=Bonds,
    )
    assert job.key == "acme"
    assert (job.dependencies(), await job.adependencies()) == (["a of mail/j1"], ["b of mail/j1"])


def test_there_is_no_current_job_outside_of_jobs():
    with pytest.raises(NotInsideJob, match="outside a job"):
        current_job()


def test_the_current_job_is_that_of_the_context(job):
    def run():
        enter(job)
        return current_job()

    assert copy_context().run(run) is job
    with pytest.raises(NotInsideJob):
        current_job()


async def test_what_a_job_starts_is_inside_it_too(job):
    async def run():
        enter(job)
        return await asyncio.gather(asyncio.create_task(ask()), asyncio.to_thread(current_job))

    async def ask():
        return current_job()

    assert await asyncio.create_task(run()) == [job, job]
    with pytest.raises(NotInsideJob):
        current_job()
