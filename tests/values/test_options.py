"""The options of tasks and of single jobs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.aggregate import Aggregate
from jobqueue.dedup import Dedup
from jobqueue.dependencies import After, Edge
from jobqueue.errors import InvalidName, InvalidOption, UnknownOption
from jobqueue.job import Specification, specification_text
from jobqueue.limits import Limits, RateLimit
from jobqueue.options import EnqueueOptions, JobSettings, TaskOptions, TaskSettings, check_known
from jobqueue.retry import Exponential, Retry
from jobqueue.schedule import Every, Schedule
from jobqueue.steering import PRIORITY_LIMIT

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Job:
    """What names a job, as a handle does."""

    id: object = "j1"
    queue: object = "mail"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_a_task_without_options_has_the_defaults():
    assert TaskSettings.of("greet", True, {}) == TaskSettings("greet", None, Retry(), None, "async", None)
    assert TaskSettings.of("greet", False, {}).run == "thread"


def test_the_options_of_a_task_are_filled_in():
    options: TaskOptions = {
        "name": "mail.send",
        "queue": "mail",
        "retry": 5,
        "timeout": timedelta(minutes=1),
        "run": "process",
        "result_ttl": 0,
        "priority": -5,
        "key_by": "tenant",
        "expires": timedelta(hours=1),
        "dedup": Dedup.throttle(60),
        "limits": Limits(concurrency=2, rate=RateLimit(10)),
        "version": 2,
        "aliases": ["send"],
        "schedule": Every(minutes=5),
        "durability": "fsync",
    }
    assert TaskSettings.of("send", False, options) == TaskSettings(
        "mail.send",
        "mail",
        Retry(5),
        60.0,
        "process",
        0.0,
        priority=-5,
        key_by="tenant",
        expires=3600.0,
        dedup=Dedup.throttle(60),
        limits=Limits(concurrency=2, rate=RateLimit(10)),
        version=2,
        aliases=("send",),
        schedules=(Schedule(Every(minutes=5)),),
        durability="fsync",
    )
    assert {*options, "aggregate"} == set(TaskOptions.__annotations__)
    gathering = Aggregate("rows", size=50)
    assert TaskSettings.of("load", False, {"aggregate": gathering}) == TaskSettings(
        "load", None, Retry(), None, "thread", None, aggregate=gathering
    )


@pytest.mark.parametrize(
    "option", ["queue", "timeout", "result_ttl", "key_by", "expires", "dedup", "aggregate", "limits", "schedule"]
)
def test_none_is_the_same_as_leaving_an_option_of_a_task_out(option):
    assert TaskSettings.of("greet", True, {option: None}) == TaskSettings.of("greet", True, {})


@pytest.mark.parametrize(
    ("options", "steers"),
    [
        ({}, False),
        ({"queue": "mail", "retry": 5, "timeout": 1, "result_ttl": 0}, False),
        ({"priority": 0}, False),
        ({"limits": Limits(concurrency=1)}, False),
        ({"priority": 1}, True),
        ({"priority": -1}, True),
        ({"key_by": "tenant"}, True),
        ({"expires": 1}, True),
        ({"dedup": Dedup()}, True),
        ({"aggregate": Aggregate("rows")}, True),
    ],
)
def test_a_task_without_steering_has_plain_jobs(options, steers):
    assert TaskSettings.of("greet", True, options).steers is steers


@pytest.mark.parametrize(
    ("is_async", "run", "works"),
    [
        (True, "async", True),
        (True, "process", True),
        (True, "thread", False),
        (False, "thread", True),
        (False, "process", True),
        (False, "async", False),
        (True, "fibre", False),
        (False, None, False),
    ],
)
def test_where_a_function_may_run(is_async, run, works):
    if works:
        assert TaskSettings.of("greet", is_async, {"run": run}).run == run
    else:
        with pytest.raises(InvalidOption, match="runs as '"):
            TaskSettings.of("greet", is_async, {"run": run})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"name": "send mail"}, InvalidName, "task 'send mail'"),
        ({"name": None}, InvalidName, "task None"),
        ({"queue": "a b"}, InvalidName, "queue 'a b'"),
        ({"queue": 5}, InvalidName, "queue 5"),
        ({"retry": True}, InvalidOption, "retry must be"),
        ({"retry": None}, InvalidOption, "retry must be"),
        ({"retry": "5"}, InvalidOption, "retry must be"),
        ({"retry": 0}, InvalidOption, "attempts"),
        ({"timeout": 0}, InvalidOption, "timeout must be more than 0"),
        ({"timeout": -1}, InvalidOption, "timeout must be"),
        ({"timeout": "5"}, InvalidOption, "timeout must be"),
        ({"result_ttl": -1}, InvalidOption, "result_ttl must be"),
        ({"priority": PRIORITY_LIMIT + 1}, InvalidOption, "must be a whole number from -1,000,000 to 1,000,000"),
        ({"priority": -PRIORITY_LIMIT - 1}, InvalidOption, "priority must be a whole number"),
        ({"priority": 0.5}, InvalidOption, r"higher goes first\), not 0\.5"),
        ({"priority": True}, InvalidOption, "priority must be a whole number"),
        ({"priority": "high"}, InvalidOption, "priority must be a whole number"),
        ({"priority": None}, InvalidOption, "priority must be a whole number"),
        ({"key_by": 5}, InvalidOption, "key_by must be the name of a parameter, not 5"),
        ({"key_by": ("a", "b")}, InvalidOption, "key_by must be the name of a parameter"),
        ({"expires": 0}, InvalidOption, "expires must be more than 0 seconds: the job would be dropped at once"),
        ({"expires": -1}, InvalidOption, "expires must be"),
        ({"expires": "1h"}, InvalidOption, "expires must be"),
        ({"expires": NEW_YEAR}, InvalidOption, "expires must be"),
        ({"dedup": True}, InvalidOption, r"dedup must be Dedup\(\.\.\.\), not True"),
        ({"dedup": "throttle"}, InvalidOption, "dedup must be Dedup"),
        ({"dedup": Dedup}, InvalidOption, "dedup must be Dedup"),
        ({"aggregate": "rows"}, InvalidOption, r"aggregate must be Aggregate\(\.\.\.\), not 'rows'"),
        ({"dedup": Dedup(), "aggregate": Aggregate("rows")}, InvalidOption, "dedup= and aggregate= exclude each other"),
        ({"limits": 5}, InvalidOption, r"limits must be Limits\(\.\.\.\), not 5"),
        ({"limits": {"concurrency": 1}}, InvalidOption, "limits must be Limits"),
        ({"limits": RateLimit(5)}, InvalidOption, "limits must be Limits"),
        ({"limits": Limits(weight=2)}, InvalidOption, "a task has no weight"),
        ({"limits": Limits(max_size=5)}, InvalidOption, "a task has no max_size"),
        ({"limits": Limits(on_full="block")}, InvalidOption, "a task has no max_size"),
    ],
)
def test_an_option_of_a_task_that_cannot_work_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        TaskSettings.of("greet", True, options)


def test_the_name_of_a_function_may_be_no_name_for_a_task():
    with pytest.raises(InvalidName, match="<lambda>"):
        TaskSettings.of("<lambda>", False, {})


def test_a_job_without_options_leaves_everything_to_its_task():
    assert JobSettings.of({}) == JobSettings()


def test_the_options_of_a_job_are_filled_in():
    options: EnqueueOptions = {
        "id": "order:5",
        "queue": "mail",
        "delay": timedelta(minutes=1),
        "retry": Retry(2, [1, 2]),
        "timeout": 5,
        "result_ttl": timedelta(hours=1),
        "meta": {"trace": "abc"},
        "priority": 5,
        "lifo": True,
        "key": "acme",
        "expires": timedelta(minutes=5),
        "dedup": Dedup.keep_last(by="to"),
        "after": [Job("j1"), After(Job("j1", "load"), on_failure="run")],
        "durability": "replica",
    }
    assert JobSettings.of(options) == JobSettings(
        id="order:5",
        queue="mail",
        due=60.0,
        retry={"attempts": 2, "backoff": [1.0, 2.0]},
        timeout=5.0,
        result_ttl=3600.0,
        meta={"trace": "abc"},
        priority=5,
        lifo=True,
        key="acme",
        expires=300.0,
        dedup=Dedup.keep_last(by="to"),
        after=(Edge("mail", "j1", "fail"), Edge("load", "j1", "run")),
        durability="replica",
    )
    assert {*options, "run_at"} == set(EnqueueOptions.__annotations__)


@pytest.mark.parametrize("option", sorted(set(EnqueueOptions.__annotations__) - {"delay", "run_at"}))
def test_none_leaves_an_option_to_the_task(option):
    assert JobSettings.of({option: None}) == JobSettings()


@pytest.mark.parametrize(
    ("options", "steers"),
    [
        ({}, False),
        ({"id": "j1", "queue": "mail", "delay": 5, "retry": 5, "timeout": 1, "result_ttl": 0, "meta": {"a": 1}}, False),
        ({"priority": 0}, True),  # the task may have another
        ({"lifo": False}, True),
        ({"key": "acme"}, True),
        ({"expires": 5}, True),
        ({"dedup": Dedup()}, True),
        ({"after": Job()}, True),
    ],
)
def test_a_job_without_steering_is_a_plain_one(options, steers):
    assert JobSettings.of(options).steers is steers


def test_a_key_may_be_a_whole_number():
    assert JobSettings.of({"key": 4711}).key == "4711"


@pytest.mark.parametrize(
    "after", [Job(), [Job()], (Job(),), {"first": Job()}.values(), After(Job()), [After(Job(), "fail")]]
)
def test_what_a_job_waits_for_is_one_or_many(after):
    assert JobSettings.of({"after": after}).after == (Edge("mail", "j1", "fail"),)


def test_a_job_can_wait_for_nothing():
    assert JobSettings.of({"after": []}).after == ()


@pytest.mark.parametrize("moment", [NEW_YEAR, datetime(1960, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))])
def test_a_time_with_a_zone_is_kept(moment):
    assert JobSettings.of({"run_at": moment}).due == moment
    assert JobSettings.of({"expires": moment}).expires == moment


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"id": ""}, InvalidName, "job id ''"),
        ({"id": 5}, InvalidName, "job id 5"),
        ({"queue": "a b"}, InvalidName, "queue 'a b'"),
        ({"delay": 5, "run_at": NEW_YEAR}, InvalidOption, "delay= and run_at= exclude each other"),
        ({"delay": -1}, InvalidOption, "delay must be"),
        ({"delay": None}, InvalidOption, "delay must be"),
        ({"run_at": NEW_YEAR.replace(tzinfo=None)}, InvalidOption, r"has no time zone: use datetime\.now\(UTC\)"),
        ({"run_at": NEW_YEAR.date()}, InvalidOption, "run_at must be a datetime"),
        ({"run_at": "2030-01-01T00:00:00Z"}, InvalidOption, "run_at must be a datetime"),
        ({"run_at": None}, InvalidOption, "run_at must be a datetime"),
        ({"retry": True}, InvalidOption, "retry must be"),
        ({"retry": Retry(on=ValueError)}, InvalidOption, "exception types cannot travel"),
        ({"retry": Retry(backoff=lambda failures, error: 1)}, InvalidOption, "a backoff function cannot travel"),
        ({"timeout": 0}, InvalidOption, "timeout must be more than 0"),
        ({"result_ttl": "1d"}, InvalidOption, "result_ttl must be"),
        ({"priority": PRIORITY_LIMIT + 1}, InvalidOption, "must be a whole number from -1,000,000 to 1,000,000"),
        ({"priority": True}, InvalidOption, "priority must be a whole number"),
        ({"priority": "high"}, InvalidOption, "priority must be a whole number"),
        ({"lifo": 1}, InvalidOption, "lifo must be True or False, not 1"),
        ({"lifo": "yes"}, InvalidOption, "lifo must be True or False"),
        ({"key": ""}, InvalidName, "key '': use 1 to 128 of the characters"),
        ({"key": "a b"}, InvalidName, "key 'a b'"),
        ({"key": "a|b"}, InvalidName, r"key 'a\|b'"),
        ({"key": "a" * 129}, InvalidName, "key 'aaa"),
        ({"key": True}, InvalidName, "key True"),
        ({"key": 1.5}, InvalidName, r"key 1\.5"),
        ({"expires": 0}, InvalidOption, "expires must be more than 0 seconds"),
        ({"expires": -1}, InvalidOption, "expires must be"),
        ({"expires": "1h"}, InvalidOption, "expires must be"),
        ({"expires": NEW_YEAR.replace(tzinfo=None)}, InvalidOption, r"expires=.* has no time zone"),
        ({"expires": NEW_YEAR.date()}, InvalidOption, "expires must be"),
        ({"dedup": True}, InvalidOption, r"dedup must be Dedup\(\.\.\.\), not True"),
        ({"dedup": Aggregate("rows")}, InvalidOption, "dedup must be Dedup"),
        ({"after": "j1"}, InvalidOption, "after= takes handles of jobs, .* not 'j1'"),
        ({"after": ["j1"]}, InvalidOption, "after= takes handles of jobs, .* not 'j1'"),
        ({"after": 5}, InvalidOption, "after= takes handles of jobs"),
        ({"after": Job(id=None)}, InvalidOption, "after= takes handles of jobs"),
        ({"after": Job(queue=None)}, InvalidOption, "after= takes handles of jobs"),
        ({"after": Job(id="a b")}, InvalidName, "job id 'a b'"),
        ({"after": Job(queue="a/b")}, InvalidName, "queue 'a/b'"),
        ({"after": [Job(), After(Job(), "run")]}, InvalidOption, "after= names job j1 twice"),
    ],
)
def test_an_option_of_a_job_that_cannot_work_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        JobSettings.of(options)


def test_a_retry_policy_is_written_as_it_travels():
    assert JobSettings.of({"retry": Retry(5)}).retry == Retry(5, Exponential()).to_wire()
    assert JobSettings.of({"retry": 5}).retry == {"attempts": 5}


@given(st.dictionaries(st.text(), json_values, max_size=3))
def test_meta_is_any_json_object(meta):
    assert JobSettings.of({"meta": meta}).meta == meta


def test_meta_may_be_any_mapping():
    assert JobSettings.of({"meta": MappingProxyType({"a": 1})}).meta == {"a": 1}


@pytest.mark.parametrize(
    "meta",
    [
        [("a", 1)],
        "a=1",
        5,
        {"a": (1,)},
        {"a": {1}},
        {1: 2},
        {"a": {1: 2}},
        {"a": b"x"},
        {"a": datetime(2030, 1, 1, tzinfo=UTC)},
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": [float("-inf")]},
        {"a": object()},
        {"a": "\ud800"},
        {"\ud800": 1},
    ],
)
def test_meta_that_would_not_arrive_as_it_is_is_refused(meta):
    with pytest.raises(InvalidOption, match="meta must be a mapping of JSON values"):
        JobSettings.of({"meta": meta})


def test_meta_without_end_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InvalidOption, match="meta must be a mapping of JSON values"):
        JobSettings.of({"meta": {"a": endless}})


@pytest.mark.parametrize("levels", [100, 190, 197, 198, 199, 200, 201, 300, 100_000])
def test_nested_meta_can_be_read_by_the_worker_or_is_refused(levels):
    meta: dict[str, object] = {}
    for _ in range(levels - 1):
        meta = {"a": meta}
    try:
        settings = JobSettings.of({"meta": meta})
    except InvalidOption:
        assert levels > 190
        return
    assert Specification.parse(specification_text("greet", b"{}", meta=settings.meta)).meta == meta


@pytest.mark.parametrize(
    ("options", "known", "message"),
    [
        ({"timout": 5}, TaskOptions, "a task has no option 'timout' \\(did you mean 'timeout'\\?\\)"),
        ({"qeue": "mail"}, TaskOptions, "did you mean 'queue'"),
        ({"colour": 5}, TaskOptions, f"there are {', '.join(sorted(TaskOptions.__annotations__))}"),
        ({"key": "acme"}, TaskOptions, "did you mean 'key_by'"),
        ({"delay": 5}, TaskOptions, "a task has no option 'delay'"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_with_a_suggestion(options, known, message):
    with pytest.raises(UnknownOption, match=message):
        check_known(options, known.__annotations__, "a task")


def test_so_it_is_for_a_job():
    with pytest.raises(UnknownOption, match="a job has no option 'dealy' \\(did you mean 'delay'\\?\\)"):
        JobSettings.of({"dealy": 5})
