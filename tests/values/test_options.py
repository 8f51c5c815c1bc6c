"""The options of tasks and of single jobs."""

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.errors import InvalidName, InvalidOption, UnknownOption
from jobqueue.job import Specification, specification_text
from jobqueue.options import EnqueueOptions, JobSettings, TaskOptions, TaskSettings, check_known
from jobqueue.retry import Exponential, Retry

NEW_YEAR = datetime(2030, 1, 1, tzinfo=UTC)

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
        "version": 2,
        "aliases": ["send"],
    }
    assert TaskSettings.of("send", False, options) == TaskSettings(
        "mail.send", "mail", Retry(5), 60.0, "process", 0.0, 2, ("send",)
    )
    assert set(options) == set(TaskOptions.__annotations__)


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
    }
    assert JobSettings.of(options) == JobSettings(
        id="order:5",
        queue="mail",
        due=60.0,
        retry={"attempts": 2, "backoff": [1.0, 2.0]},
        timeout=5.0,
        result_ttl=3600.0,
        meta={"trace": "abc"},
    )
    assert {*options, "run_at"} == set(EnqueueOptions.__annotations__)


@pytest.mark.parametrize("option", ["id", "queue", "retry", "timeout", "result_ttl", "meta"])
def test_none_leaves_an_option_to_the_task(option):
    assert JobSettings.of({option: None}) == JobSettings()


@pytest.mark.parametrize("moment", [NEW_YEAR, datetime(1960, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))])
def test_a_time_with_a_zone_is_kept(moment):
    assert JobSettings.of({"run_at": moment}).due == moment


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
        ({"colour": 5}, TaskOptions, "there are aliases, name, queue, result_ttl, retry, run, timeout, version"),
        ({"delay": 5}, TaskOptions, "a task has no option 'delay'"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_with_a_suggestion(options, known, message):
    with pytest.raises(UnknownOption, match=message):
        check_known(options, known.__annotations__, "a task")


def test_so_it_is_for_a_job():
    with pytest.raises(UnknownOption, match="a job has no option 'dealy' \\(did you mean 'delay'\\?\\)"):
        JobSettings.of({"dealy": 5})
