"""The functions that want to be told what happens."""

import pytest

from jobqueue.errors import InvalidOption
from jobqueue.events import STARTED, Hooks
from jobqueue.job import OutcomeKind


def first(event): ...


def second(event): ...


def test_a_hook_is_told_of_what_it_was_added_for_and_of_nothing_else():
    hooks = Hooks()
    hooks.add(["started", "failed"], first)
    hooks.add(["failed"], second)
    assert hooks.job[STARTED] == [first]
    assert hooks.job[OutcomeKind.FAILED] == [first, second]
    assert set(hooks.job) == {STARTED, OutcomeKind.FAILED}


@pytest.mark.parametrize("kind", OutcomeKind)
def test_every_way_to_end_can_be_listened_to(kind):
    hooks = Hooks()
    hooks.add([kind.value], first)
    assert hooks.job == {kind: [first]}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("finished", "there is no event 'finished'"),
        ("fialed", "did you mean 'failed'"),
        ("", "there are started, completed, failed, cancelled"),
        ("FAILED", "there is no event 'FAILED'"),
    ],
)
def test_an_event_that_does_not_exist_is_refused(kind, message):
    with pytest.raises(InvalidOption, match=message):
        Hooks().add([kind], first)
