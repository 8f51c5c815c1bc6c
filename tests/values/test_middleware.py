"""Code that wraps every execution of a job."""

import pytest

from jobqueue.context import JobContext
from jobqueue.middleware import compose


@pytest.fixture
def job():
    return JobContext(
        id="j1",
        task="greet",
        queue="mail",
        attempt=1,
        max_attempts=3,
        token=7,
        meta={},
        created_at=None,
        deadline=None,
        spoke=lambda job: None,
    )


@pytest.fixture
def told():
    return []


def layer(told, name):
    """Return a middleware that tells when it is entered and left."""

    async def wrap(job, call_next):
        told.append(f"{name} enters {job.id}")
        try:
            return f"{name}({await call_next()})"
        finally:
            told.append(f"{name} leaves")

    return wrap


def job_function(told, error=None):
    """Return the innermost call."""

    async def run():
        told.append("the job runs")
        if error is not None:
            raise error
        return "result"

    return run


async def test_without_middleware_the_job_itself_is_called(job, told):
    innermost = job_function(told)
    assert compose([], job, innermost) is innermost


async def test_the_first_one_is_the_outermost(job, told):
    call = compose([layer(told, "first"), layer(told, "second")], job, job_function(told))
    assert told == []
    assert await call() == "first(second(result))"
    assert told == [
        "first enters j1",
        "second enters j1",
        "the job runs",
        "second leaves",
        "first leaves",
    ]


async def test_an_error_passes_through_all_of_them(job, told):
    error = ValueError("no")
    call = compose([layer(told, "first"), layer(told, "second")], job, job_function(told, error))
    with pytest.raises(ValueError, match="no") as caught:
        await call()
    assert caught.value is error
    assert told[-2:] == ["second leaves", "first leaves"]


async def test_one_may_answer_without_running_the_job(job, told):
    async def answer(job, call_next):
        return "from memory"

    call = compose([answer, layer(told, "second")], job, job_function(told))
    assert await call() == "from memory"
    assert told == []


async def test_one_may_run_the_job_again(job, told):
    async def twice(job, call_next):
        return [await call_next(), await call_next()]

    assert await compose([twice], job, job_function(told))() == ["result", "result"]
    assert told == ["the job runs", "the job runs"]
