"""The page about concepts says what the code does."""

import inspect
import re
from datetime import timedelta

import pytest
from docs.pages import blocks, codes, read, table

import jobqueue
from jobqueue import Counts, Exponential, JobState, OutcomeKind, Retry
from jobqueue.explanation import CODES
from jobqueue.job import TRANSITIONS, Transition
from jobqueue.signals import Signal
from jobqueue.store.explain import REACH

PAGE = read("docs/concepts.md")


def test_the_diagram_is_the_table_of_transitions():
    [diagram] = [block.text for block in blocks(PAGE) if block.language == "mermaid"]
    drawn = {
        Transition(None if source == "[*]" else JobState(source), JobState(target), cause)
        for source, target, causes in re.findall(r"^ *(\S+) --> (\w+): (.*)$", diagram, re.MULTILINE)
        for cause in causes.split(", ")
    }
    assert drawn == TRANSITIONS
    assert diagram.count("-->") == len({(step.source, step.target) for step in TRANSITIONS})


def test_the_states_are_those_that_there_are():
    assert [codes(row[0])[0] for row in table(PAGE, "state", "meaning")] == [state.value for state in JobState]


def test_the_outcomes_are_those_that_there_are_with_their_counters():
    rows = table(PAGE, "outcome", "what happened", "counter")
    assert {codes(row[0])[0] for row in rows} == {kind.value for kind in OutcomeKind}
    counters = {codes(row[0])[0]: codes(row[2])[0] for row in rows if codes(row[2])}
    assert counters == {
        "failed": "failures",
        "retried": "failures",
        "lost": "lost",
        "interrupted": "interrupted",
        "snoozed": "snoozed",
        "limited": "limited",
    }
    assert set(counters.values()) == set(Counts._fields)
    assert len(Counts._fields) == 5
    assert "the five counters" in PAGE


def test_the_signals_are_those_that_there_are():
    shown = dict(re.fullmatch(r"(\w+)\((.*)\)", codes(row[0])[0]).groups() for row in table(PAGE, "signal", "effect"))
    assert shown == {
        kind.__name__: ", ".join(name for name in inspect.signature(kind).parameters)
        for kind in Signal.__subclasses__()
        if kind.__module__ == Signal.__module__
    }
    assert set(shown) <= set(jobqueue.__all__)


def test_the_retry_policies_can_be_written_like_this():
    class Busy(Exception):
        """As in the page."""

    [policies] = [block.text for block in blocks(PAGE) if block.text.startswith("Retry(")]
    names = {"Retry": Retry, "Exponential": Exponential, "timedelta": timedelta, "Busy": Busy}
    found = [eval(line, names) for line in policies.splitlines()]
    error = ConnectionError()
    assert [policy.attempts for policy in found] == [8, 5, 5, 5, 5, 5, 5]
    assert found[1].delay(3, error) == 10
    assert [found[2].delay(failures, error) for failures in (1, 2, 3, 4)] == [1, 10, 300, 300]
    assert found[3].delay(2, error) == 1.5
    assert [found[4].delay(1, each) for each in (Busy(), error)] == [60, 5]
    assert [found[5].allows(1, each) for each in (error, ValueError())] == [True, False]
    assert [found[6].allows(1, each) for each in (error, ValueError())] == [True, False]


def test_the_reasons_why_a_job_does_not_run_are_those_that_there_are():
    named = [code for row in table(PAGE, "code", "what it says") for code in codes(row[0])]
    assert sorted(named) == sorted(CODES)
    assert f"beyond {REACH:,} in the line" in PAGE


@pytest.mark.parametrize("failures", [1, 2, 3, 50])
def test_the_default_backoff_waits_as_long_as_the_page_says(failures):
    assert "2, 4, 8 ... seconds, at most an hour, with jitter" in PAGE
    policy = Retry()
    assert policy.attempts == 3
    assert 0 <= policy.delay(failures, ValueError()) <= min(3600, 2**failures)
