"""How an execution ended, as a value."""

import json
from dataclasses import FrozenInstanceError
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.job import Execution, OutcomeKind
from jobqueue.outcome import Cancelled, ErrorText, Failed, Outcome


def test_there_is_one_class_for_each_kind_and_it_is_called_like_it():
    # A job that has expired was never executed: no worker has that outcome to tell.
    assert {kind.kind: kind.__name__ for kind in get_args(Outcome)} == {
        kind: kind.value.capitalize() for kind in OutcomeKind if kind is not OutcomeKind.EXPIRED
    }


@given(st.text(), st.text(), st.text())
def test_an_error_becomes_one_line_of_json(kind, message, traceback):
    text = ErrorText(kind, message, traceback).to_json()
    assert b"\n" not in text
    assert json.loads(text) == {"type": kind, "message": message} | ({"traceback": traceback} if traceback else {})


@given(st.text(), st.text(), st.text())
def test_an_error_is_read_from_the_record_as_it_was_written(kind, message, traceback):
    record = Execution.parse(b'["failed",1,2,"w",3,%b]' % ErrorText(kind, message, traceback).to_json())
    assert (record.error_type, record.message, record.traceback) == (kind, message, traceback)


def test_an_outcome_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Cancelled("").reason = "later"
    assert Failed(ErrorText("A", "b")) == Failed(ErrorText("A", "b")) != Failed(ErrorText("A", "c"))
