"""Conditions on jobs: what they mean, and what is wrong with those that mean nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.errors import InvalidOption
from jobqueue.job import Counts, Execution, JobInfo, JobState, OutcomeKind
from jobqueue.where import DEEPEST, EVERY, FIELDS, LONGEST, parse

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
JOB = JobInfo(
    id="j1",
    queue="mail",
    state=JobState.FAILED,
    task="send_mail",
    args={
        "to": "ada@b.c",
        "n": 3,
        "big": 2**60,
        "ratio": 0.5,
        "ok": True,
        "user": {"id": 7},
        "tags": ["a", "b"],
        "a.b": 1,
    },
    created_at=NOW - timedelta(hours=3),
    counts=Counts(failures=2),
    history=(),
    run_at=None,
    worker="w1",
    started_at=None,
    token=1,
    ending=Execution(
        OutcomeKind.FAILED,
        None,
        NOW - timedelta(hours=1),
        "w1",
        1,
        error_type="TimeoutError",
        message="took 5 s",
        fingerprint="0123456789ab",
    ),
    cancelling=False,
    parked="",
    progress=None,
    meta={"trace": "t1"},
    key="acme",
    priority=5,
    expires_at=None,
    dedup="",
    waiting_for=0,
    version=2,
    specification=b"",
)


def holds(text: str, job: JobInfo = JOB) -> bool:
    return parse(text).matches(job, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "id=j1",
        "task=send_mail",
        "task == send_mail",
        "task!=other",
        "queue=mail",
        "state=failed",
        "STATE=failed".lower(),
        "state=FAILED",
        "key=acme",
        "key~cm",
        "error~Timeout",
        "error~timeouterror",
        "error~'took 5'",
        'error~"5 s"',
        "fingerprint=0123456789ab",
        "attempts=2",
        "attempts>=2",
        "attempts<3",
        "attempts!=1",
        "priority>4.5",
        "version=2",
        "worker=w1",
        "created_at<-2h",
        "failed_at>-2h",
        "failed_at>=-1h",
        "failed_at<=-1h",
        "failed_at=-1h",
        "failed_at<now",
        "ended_at<+5m",
        "failed_at>2026-11-21",
        "failed_at>=2026-11-21T11:00:00Z",
        "failed_at='2026-11-21 11:00'",
        "failed_at=2026-11-21T12:00:00+01:00",
        "args.to=ada@b.c",
        "args.to~ADA",
        "args.n=3",
        "args.n=3.0",
        "args.n>2",
        "args.big=1152921504606846976",
        "args.ratio<1",
        "args.ok=true",
        "args.user.id=7",
        "args.tags~'\"a\"'",
        "args.a.b=1",
        "args.none!=1",
        "not args.none=1",
        "meta.trace=t1",
        "args.n!=x",
        "task=send_mail and error~Timeout and failed_at>-2h",
        "task=x or key=acme",
        "not task=x",
        "not (task=x or key=y)",
        "task=x and key=acme or id=j1",
        "id=j1 or task=x and key=y",
        "not task=x and not key=y",
        "NOT task=x AND (id=j1)",
        "(((id=j1)))",
        "error ~ Timeout",
    ],
)
def test_what_holds(text):
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "id=J1",
        "task=send",
        "task~SENDS",
        "state=waiting",
        "state=parked",
        "key!=acme",
        "error~'no such'",
        "attempts>2",
        "priority<5",
        "created_at>-2h",
        "failed_at<-2h",
        "failed_at>2026-11-21T11:00:00Z",
        "args.n=4",
        "args.n~x",
        "args.none=1",
        "args.none>1",
        "args.none~a",
        "meta.other=t1",
        "not id=j1",
        "id=j1 and task=x",
        "(id=x or id=y) and task=send_mail",
        "args.big=1152921504606846977",
    ],
)
def test_what_does_not_hold(text):
    assert not holds(text)


def test_fields_that_a_job_does_not_have():
    waiting = replace(JOB, state=JobState.WAITING, ending=None, key=None, created_at=None)
    for text in ("error=''", "fingerprint=''", "key=''", "failed_at!=-1h", "not ended_at<now", "not created_at>-1h"):
        assert holds(text, waiting)
    assert holds("state=parked", replace(waiting, parked="no task is known"))
    assert not holds("state=waiting", replace(waiting, parked="no task is known"))
    cancelled = replace(JOB, state=JobState.CANCELLED)
    assert holds("ended_at=-1h and not failed_at=-1h and error=''", cancelled)
    assert holds("fingerprint=-", replace(JOB, ending=replace(JOB.ending, fingerprint="")))


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("taks=1", "at character 1, 'taks=1'", "no field 'taks' (did you mean 'task'?)"),
        ("id=1 and eror~x", "at character 10", "(did you mean 'error'?)"),
        ("colour=red", "at character 1", "The fields are id, task, queue"),
        ("args=1", "at character 1", "args.NAME"),
        ("args.=1", "at character 1", "no field 'args.'"),
        ("task", "at its end", "expected one of = != ~ after 'task'"),
        ("task ? x", "at character 6, '? x'", "expected one of"),
        ("task=", "at its end", "expected a value after 'task='"),
        ("task=)", "at character 6", "expected a value"),
        ("task=a b", "at character 8, 'b'", "expected 'and' or 'or'"),
        ("task=a,b=c d", "at character 12", "expected 'and' or 'or'"),
        ("(task=a", "at character 1", "there is no ')' for this '('"),
        ("(task=a b", "at character 9", "expected 'and', 'or' or ')'"),
        ("task=a)", "at character 7", "there is no '(' for this ')'"),
        ("state=faild", "at character 7", "did you mean 'failed'"),
        ("state=x", "at character 7", "The states are waiting"),
        ("state~fail", "at character 6", "compared by = !=, not by ~"),
        ("task>x", "at character 5", "compared by = != ~, not by >"),
        ("priority~3", "at character 9", "not by ~"),
        ("attempts>many", "at character 10", "'many' is not a number"),
        ("failed_at>soon", "at character 11", "write -2h, 2026-11-21 or"),
        ("failed_at>-soon", "at character 11", "write -2h"),
        ("error~'x", "at character 7", "not closed"),
        ("and", "at character 1", "no field 'and'"),
        ("not", "at its end", "expected a field"),
        ("task=a and", "at its end", "expected a field"),
        ("=a", "at character 1", "expected a field"),
        ("(" * (DEEPEST + 1), f"at character {DEEPEST + 1}", "nested more than 50 deep"),
        ("id=" + "x" * LONGEST, "", "at most 4,000 characters"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, place, says):
    with pytest.raises(InvalidOption) as caught:
        parse(text)
    assert place in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("", "task", None),
        ("task=a", "task", {"a"}),
        ("task=a", "queue", None),
        ("task!=a", "task", None),
        ("task~a", "task", None),
        ("not task=a", "task", None),
        ("task=a and queue=q", "task", {"a"}),
        ("task=a or task=b", "task", {"a", "b"}),
        ("task=a or queue=q", "task", None),
        ("(task=a or task=b) and task=b", "task", {"b"}),
        ("task=a and task=b", "task", set()),
        ("state=Failed", "state", {"failed"}),
    ],
)
def test_what_a_field_is_bound_to(text, field, expected):
    assert parse(text).only(field) == expected


def test_what_a_job_needs_to_have():
    needs = {text: parse(text).needs("error", "failed_at") for text in (
        "", "error~x", "error=''", "error!=x", "not error~x", "failed_at>-1h", "task=a", "task=a and error~x",
        "task=a or error~x", "error=x or failed_at<now",
    )}  # fmt: skip
    assert [text for text, needed in needs.items() if needed] == [
        "error~x", "failed_at>-1h", "task=a and error~x", "error=x or failed_at<now",
    ]  # fmt: skip


def test_the_times_that_a_field_is_bound_to():
    one, two = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
    for text, expected in [
        ("", (None, None)),
        ("ended_at>-2h", (one, None)),
        ("ended_at>-2h and ended_at<=-1h", (one, two)),
        ("ended_at>-2h and ended_at>-1h", (two, None)),
        ("ended_at<-2h or ended_at<-1h", (None, two)),
        ("ended_at<-2h or task=a", (None, None)),
        ("ended_at=-1h", (two, two)),
        ("not ended_at>-2h", (None, None)),
        ("ended_at!=-2h", (None, None)),
        ("created_at>-2h", (None, None)),
    ]:
        assert parse(text).between("ended_at", NOW) == expected, text
    assert EVERY.matches(JOB, NOW)


@given(st.text(max_size=60) | st.text(alphabet="tas=k~()'\"!<> andort-2h.\\", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        where = parse(text)
    except InvalidOption:
        return
    where.matches(JOB, NOW)
    where.only("task")
    where.between("failed_at", NOW)


ATOMS = st.one_of(
    st.tuples(
        st.sampled_from([name for name, kind in FIELDS.items() if kind == "text"]),
        st.sampled_from(["=", "!=", "~"]),
        st.text(max_size=20).map(lambda text: json.dumps(text, ensure_ascii=False)),
    ),
    st.tuples(
        st.sampled_from(["attempts", "priority", "version"]),
        st.sampled_from(["=", "<", ">="]),
        st.integers(-9, 9).map(str),
    ),
    st.tuples(
        st.sampled_from(["args.n", "args.to", "meta.x", "args.user.id"]),
        st.sampled_from(["=", "!=", "~", "<", ">"]),
        st.integers().map(str),
    ),
    st.tuples(
        st.sampled_from(["failed_at", "created_at"]),
        st.sampled_from(["<", ">", "="]),
        st.integers(0, 10**6).map("-{}s".format),
    ),
).map(" ".join)


@given(ATOMS, ATOMS)
def test_conditions_are_put_together_as_logic_has_it(one, other):
    first, second = holds(one), holds(other)
    assert holds(f"{one} and {other}") is (first and second)
    assert holds(f"{one} or {other}") is (first or second)
    assert holds(f"not ({one})") is not first
    assert holds(f"not ({one} or {other})") is holds(f"not {one} and not {other}")
    assert holds(f"({one}) or ({one}) and ({other})") is first


@pytest.mark.parametrize(
    ("text", "holds_of_it"),
    [
        ("args.n=3", False),
        ("args.n!=3", False),
        ("not args.n=3", False),
        ("not key=acme", False),
        ("version!=1", False),
        ("not (meta.trace=t1 or task=other)", False),
        ("task=send_mail", True),
        ("task=send_mail or args.n=3", True),
        ("not (task=other and args.n=3)", True),
        ("task=send_mail and args.n=3", False),
    ],
)
def test_a_job_that_could_not_be_read_meets_no_condition_on_what_was_not_read(text, holds_of_it):
    unread = replace(JOB, args={}, meta={}, key=None, version=1, unread="it is 5,000,000 bytes long")
    assert holds(text, unread) is holds_of_it
    assert parse(text).looks_inside is (text != "task=send_mail")
