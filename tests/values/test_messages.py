"""What a worker and the processes of its jobs say to each other."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import to_json

from jobqueue.job import Counts
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.store.claims import Claimed
from jobqueue.worker.executors.messages import pack_job, pack_outcome, pack_speech, unpack, unpack_job

delays = st.floats(0, 1e10)
json_texts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
).map(to_json)
errors = st.builds(ErrorText, st.text(), st.text(), st.text())

OUTCOMES = {
    Completed: st.builds(Completed, json_texts, st.none() | delays),
    Failed: st.builds(Failed, errors),
    Retried: st.builds(Retried, errors, delays),
    Snoozed: st.builds(Snoozed, delays),
    Cancelled: st.builds(Cancelled, st.text()),
    Interrupted: st.builds(Interrupted, st.text()),
    Lost: st.builds(Lost, st.text()),
    Parked: st.builds(Parked, st.text(), st.text(), st.text()),
    Limited: st.builds(Limited, st.text(), delays),
    Blocked: st.builds(Blocked, st.text()),
}


def is_one_line(text: bytes) -> bool:
    """Tell whether a message ends where its line ends."""
    return text.count(b"\n") == 1 and text.endswith(b"\n")


def test_every_outcome_has_its_message():
    assert set(OUTCOMES) == set(get_args(Outcome))


@pytest.mark.parametrize("kind", OUTCOMES)
@given(data=st.data())
def test_an_outcome_arrives_as_it_was_sent(kind, data):
    outcome = data.draw(OUTCOMES[kind])
    line = pack_outcome(outcome)
    assert is_one_line(line)
    assert unpack(line) == outcome
    assert type(unpack(line)) is kind


@given(st.just(b"") | json_texts, st.lists(st.text()))
def test_what_a_job_says_arrives_as_it_was_said(progress, lines):
    line = pack_speech(progress, lines)
    assert is_one_line(line)
    assert unpack(line) == (progress, lines)


@given(
    st.text(),
    st.text(),
    st.integers(0, 2**63),
    json_texts,
    st.builds(Counts, *[st.integers(0, 1000)] * len(Counts._fields)),
    st.integers(0, 2**63),
)
def test_a_job_arrives_as_it_was_sent(queue, job_id, token, specification, counts, now):
    claimed = Claimed(job_id, token, specification, counts)
    line = pack_job(queue, claimed, now)
    assert is_one_line(line)
    assert unpack_job(line) == (queue, claimed, now)
