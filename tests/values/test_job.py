"""What is stored of a job, and the states it goes through."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from jobqueue.job import (
    TRANSITIONS,
    Counts,
    Execution,
    JobState,
    OutcomeKind,
    Specification,
    Transition,
    moment,
    specification_text,
)

numbers = st.floats(0, 1e9, exclude_min=True)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
objects = st.dictionaries(st.text(), json_values, max_size=3)


@given(
    task=st.from_regex(r"[A-Za-z0-9_.:-]{1,20}", fullmatch=True),
    args=objects,
    timeout=st.none() | numbers,
    retry=st.none() | objects,
    result_ttl=st.none() | st.just(0.0) | numbers,
    meta=st.none() | objects,
    created_at=st.none() | st.integers(0, 4_000_000_000_000),
    due=st.just("") | st.none() | st.integers(0, 4_000_000_000_000),
    key=st.none() | st.from_regex(r"[A-Za-z0-9_.:@/+=-]{1,20}", fullmatch=True),
)
def test_a_specification_is_read_as_it_was_written(task, args, timeout, retry, result_ttl, meta, created_at, due, key):
    options = {"timeout": timeout, "retry": retry, "result_ttl": result_ttl, "meta": meta, "key": key}
    text = specification_text(task, to_json(args), **options)
    assert b"\n" not in text
    if due != "":
        text = b'{"due":%b,%b' % (to_json(due), text[1:])
    if created_at is not None:  # the server prepends it, as add.lua does
        text = b'{"at":%d,%b' % (created_at, text[1:])
    assert Specification.parse(text) == Specification(
        task, args, timeout, retry, result_ttl, meta or {}, created_at, key, due=created_at if due == "" else due
    )
    assert json.loads(text)["args"] == args


def test_a_plain_job_has_nothing_but_its_task_and_its_arguments():
    assert specification_text("greet", b'{"name":"Ada"}') == b'{"task":"greet","args":{"name":"Ada"}}'
    assert specification_text("greet", b"{}", meta={}) == b'{"task":"greet","args":{}}'


@given(
    args=st.dictionaries(
        st.text(max_size=5), st.integers() | st.text(max_size=5) | st.lists(st.dictionaries(st.text(), st.none()))
    ),
    extra=st.sampled_from(
        [b"", b',"timeout":5', b',"meta":{"a":{}}', b',"retry":{"a":{}}', b',"args":{"a":1}', b',"x":{"y":[{}]}']
    ),
    at=st.sampled_from([b'"at":1763700000000,', b"", b'"at":999999999999999,', b'"at":-1,', b'"at":1,"due":5,']),
)
def test_the_shorter_way_to_a_plain_job_leads_where_the_longer_one_does(args, extra, at):
    text = b'{%b"task":"send","args":%b%b}' % (at, to_json(args), extra)
    found = Specification.plain(text)
    if not extra and at == b'"at":1763700000000,':
        assert found is not None
    if found is None:
        return
    created, task, arguments = found
    try:
        read = from_json(arguments)
    except ValueError:
        return  # it has options after all
    assert Specification(task.decode(), read, created_at=created, due=created) == Specification.parse(text)


def test_options_follow_when_there_are_any():
    text = specification_text(
        "greet", b"{}", timeout=5, result_ttl=0, meta={"trace": "a"}, retry={"attempts": 2}, key="acme"
    )
    assert json.loads(text) == {
        "task": "greet",
        "args": {},
        "timeout": 5,
        "retry": {"attempts": 2},
        "result_ttl": 0,
        "meta": {"trace": "a"},
        "key": "acme",
    }


def test_what_another_program_leaves_out_is_filled_in():
    assert Specification.parse(b'{"task":"greet"}') == Specification("greet", {})
    assert Specification.parse(
        b'{"task":"greet","args":{},"meta":null,"timeout":null,"key":null,"new":1}'
    ) == Specification("greet", {})
    assert Specification.parse(b'{"task":"greet","key":4711}').key == "4711"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"greet",
        b'"greet"',
        b"[]",
        b"null",
        b"{",
        b'{"args":{}}',
        b'{"task":null}',
        b'{"task":5}',
        b'{"task":""}',
        b'{"task":"send mail"}',
        b'{"task":"greet\\n"}',
        b'{"task":"a|b"}',
        b'{"task":"greet","args":null}',
        b'{"task":"greet","args":[]}',
        b'{"task":"greet","args":"x"}',
        b'{"task":"greet","timeout":"soon"}',
        b'{"task":"greet","timeout":true}',
        b'{"task":"greet","timeout":0}',
        b'{"task":"greet","timeout":-1}',
        b'{"task":"greet","timeout":1e300}',
        b'{"task":"greet","timeout":NaN}',
        b'{"task":"greet","result_ttl":-1}',
        b'{"task":"greet","result_ttl":[]}',
        b'{"task":"greet","retry":5}',
        b'{"task":"greet","retry":[]}',
        b'{"task":"greet","meta":[1]}',
        b'{"task":"greet","meta":"x"}',
        b'{"task":"greet","key":""}',
        b'{"task":"greet","key":"a b"}',
        b'{"task":"greet","key":"a|b"}',
        b'{"task":"greet","key":true}',
        b'{"task":"greet","key":1.5}',
        b'{"task":"greet","key":["a"]}',
        b'{"task":"greet","at":"now"}',
        b'{"task":"greet","at":1.5}',
        b'{"task":"greet","at":-1}',
        b'{"task":"greet","at":1000000000000000000}',
        b'{"task":"gr\xff"}',
        b'{"task":"greet"} {}',
        b'{"task":"greet","args":' + b"[" * 500 + b"]" * 500 + b"}",
    ],
)
def test_a_text_that_is_no_specification_is_refused(text):
    with pytest.raises(ValueError):
        Specification.parse(text)


@given(st.binary())
def test_any_bytes_are_read_or_refused(text):
    try:
        specification = Specification.parse(text)
    except ValueError:
        return
    assert specification.task


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        (b"", Counts()),
        (b"0 0 0 0 0", Counts()),
        (b"1 2 3 4 5", Counts(failures=1, lost=2, interrupted=3, snoozed=4, limited=5)),
        (b"1 2 3 4", Counts(failures=1, lost=2, interrupted=3, snoozed=4)),
        (b"2", Counts(failures=2)),
    ],
)
def test_counts_are_read_from_the_head_of_the_bookkeeping(text, counts):
    assert Counts.parse(text) == counts


def test_attempts_are_counted_from_one_and_only_failures_count():
    assert Counts().attempt == 1
    assert Counts(failures=2, lost=5, interrupted=6, snoozed=7, limited=8).attempt == 3


START, END = datetime(2025, 11, 21, 5, 20, 0, tzinfo=UTC), datetime(2025, 11, 21, 5, 20, 0, 250_000, tzinfo=UTC)
HEAD = b'1763702400000,1763702400250,"w1",7'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            b'["completed",%b,{"a":[1,2.5]}]' % HEAD,
            Execution(OutcomeKind.COMPLETED, START, END, "w1", 7, result=b'{"a":[1,2.5]}'),
        ),
        (
            b'["failed",%b,{"type":"ValueError","message":"no","traceback":"Traceback"}]' % HEAD,
            Execution(
                OutcomeKind.FAILED, START, END, "w1", 7, error_type="ValueError", message="no", traceback="Traceback"
            ),
        ),
        (
            b'["retried",%b,{"type":"ValueError","message":"no"}]' % HEAD,
            Execution(OutcomeKind.RETRIED, START, END, "w1", 7, error_type="ValueError", message="no"),
        ),
        (b'["snoozed",%b,null]' % HEAD, Execution(OutcomeKind.SNOOZED, START, END, "w1", 7)),
        (
            b'["cancelled",null,1763702400250,"",0,"too late"]',
            Execution(OutcomeKind.CANCELLED, None, END, message="too late"),
        ),
        (b'["cancelled",%b,""]' % HEAD, Execution(OutcomeKind.CANCELLED, START, END, "w1", 7)),
        (
            b'["interrupted",%b,"the worker shut down"]' % HEAD,
            Execution(OutcomeKind.INTERRUPTED, START, END, "w1", 7, message="the worker shut down"),
        ),
        (
            b'["lost",%b,"it was killed"]' % HEAD,
            Execution(OutcomeKind.LOST, START, END, "w1", 7, message="it was killed"),
        ),
        (
            b'["expired",null,1763702400250,"",0,"it did not start before its time was over"]',
            Execution(OutcomeKind.EXPIRED, None, END, message="it did not start before its time was over"),
        ),
        (
            b'["failed",null,1763702400250,"",0,{"type":"DependencyFailed","message":"mail/j1 was removed"}]',
            Execution(OutcomeKind.FAILED, None, END, error_type="DependencyFailed", message="mail/j1 was removed"),
        ),
    ],
)
def test_the_record_of_an_execution_is_read(text, expected):
    assert Execution.parse(text) == expected


@given(json_values)
def test_a_result_stays_the_json_that_it_is(value):
    text = b'["completed",%b,%b]' % (HEAD, to_json(value))
    assert json.loads(Execution.parse(text).result) == value


@pytest.mark.parametrize("text", [b"", b"[]", b'["completed"]', b'["exploded",1,2,"w",3,null]', b'["lost",1,2,"w",3]'])
def test_a_text_that_is_no_record_is_refused(text):
    with pytest.raises(ValueError):
        Execution.parse(text)


@given(st.integers(0, 253_402_300_799_999))
def test_a_moment_is_a_time_with_a_zone(milliseconds):
    assert moment(milliseconds).tzinfo is UTC
    assert round(moment(milliseconds).timestamp() * 1000) == milliseconds


def reachable(start: JobState | None) -> set[JobState]:
    """Return the states that a job can come to."""
    found: set[JobState] = set()
    open_states = [start]
    while open_states:
        state = open_states.pop()
        targets = {step.target for step in TRANSITIONS if step.source is state}
        open_states += targets - found
        found |= targets
    return found


def test_every_state_can_be_reached():
    assert reachable(None) == set(JobState)


def test_every_state_that_has_not_ended_leads_to_each_end():
    ends = {state for state in JobState if state.ended}
    assert all(reachable(state) >= ends for state in JobState if not state.ended)


def test_an_ended_job_is_left_alone_unless_somebody_revives_it():
    assert {state for state in JobState if state.ended} == {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}
    leaving = {step for step in TRANSITIONS if step.source is not None and step.source.ended}
    assert leaving == {
        Transition(JobState.FAILED, JobState.WAITING, "revived"),
        Transition(JobState.CANCELLED, JobState.WAITING, "revived"),
        # What had failed it was revived, so it waits for that again.
        Transition(JobState.FAILED, JobState.BLOCKED, "revived"),
    }


def test_a_job_begins_only_by_being_claimed():
    assert {step[::2] for step in TRANSITIONS if step.target is JobState.ACTIVE} == {(JobState.WAITING, "claimed")}


def test_every_outcome_leads_an_active_job_somewhere():
    causes = {step.cause for step in TRANSITIONS if step.source is JobState.ACTIVE}
    # A job that runs does not expire; one that is to wait for others may find that they have failed.
    assert causes == {kind.value for kind in OutcomeKind} - {"expired"} | {"dependency failed"}


def test_an_outcome_that_is_called_like_a_state_leads_there():
    # What a job is to wait for may have ended by the time.
    elsewhere = {OutcomeKind.BLOCKED: {JobState.WAITING}}
    for kind in OutcomeKind:
        if kind.value in list(JobState):
            targets = {step.target for step in TRANSITIONS if (step.source, step.cause) == (JobState.ACTIVE, kind)}
            assert targets == {JobState(kind.value)} | elsewhere.get(kind, set())


def test_what_has_not_begun_can_be_cancelled_or_expire():
    not_begun = {JobState.WAITING, JobState.DELAYED, JobState.BLOCKED}
    for cause, sources in (("expired", not_begun), ("cancelled", not_begun | {JobState.ACTIVE})):
        steps = {step[:2] for step in TRANSITIONS if step.cause == cause}
        assert steps == {(state, JobState.CANCELLED) for state in sources}


def test_a_job_fails_with_another_only_before_it_has_begun_or_when_it_asks_to_wait():
    steps = {step[:2] for step in TRANSITIONS if step.cause == "dependency failed"}
    assert steps == {(state, JobState.FAILED) for state in (None, JobState.BLOCKED, JobState.ACTIVE)}


def test_a_job_that_waits_for_others_goes_on_by_being_unblocked():
    assert {(step.target, step.cause) for step in TRANSITIONS if step.source is JobState.BLOCKED} == {
        (JobState.WAITING, "unblocked"),
        (JobState.DELAYED, "unblocked"),
        (JobState.FAILED, "dependency failed"),
        (JobState.CANCELLED, "cancelled"),
        (JobState.CANCELLED, "expired"),
    }
