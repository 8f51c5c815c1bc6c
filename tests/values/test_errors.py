"""The tree of errors, and what its members carry."""

import builtins
import copy
import pickle
import re

import pytest

from jobqueue import errors
from jobqueue.errors import (
    JobCancelled,
    JobExpired,
    JobFailed,
    JobNotFound,
    JobQueueError,
    QueueFull,
    suggestion,
)

DRAWN = re.compile(r"^ {4}(?P<lines>[│ ├└─]*)(?P<name>\w+)(?: +\((?P<other>\w+)\))?", re.MULTILINE)

CLASSES = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)
}


def drawing() -> dict[str, tuple[str, ...]]:
    """Return the tree in the docstring: the bases of each class by its name."""
    tree: dict[str, tuple[str, ...]] = {}
    above: list[str] = []
    for match in DRAWN.finditer(errors.__doc__):
        depth = len(match["lines"]) // 4
        if not above or depth:
            above[depth:] = [match["name"]]
            tree[match["name"]] = (*above[-2:-1], *filter(None, [match["other"]]))
    return tree


def test_the_drawing_shows_every_error_and_its_bases():
    bases = {name: tuple(base.__name__ for base in kind.__bases__) for name, kind in CLASSES.items()}
    assert drawing() == {**bases, "JobQueueError": ()}


def test_whoever_catches_the_root_catches_them_all():
    assert all(issubclass(kind, JobQueueError) for kind in CLASSES.values())
    assert JobQueueError.__bases__ == (Exception,)


def test_the_second_base_is_what_python_itself_would_raise():
    seconds = {bases[1] for bases in drawing().values() if len(bases) == 2}
    assert seconds == {"TypeError", "ValueError", "LookupError", "TimeoutError"}
    assert all(issubclass(getattr(builtins, name), Exception) for name in seconds)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JobNotFound("j1", "mail"), "no job 'j1' in queue 'mail': it never existed, was removed, or"),
        (JobFailed("j1", "ValueError", "no", ""), "job j1 failed: ValueError: no"),
        (JobFailed("j1", "ValueError", "no", "Traceback"), "job j1 failed: ValueError: no\n\nTraceback"),
        (JobCancelled("j1", ""), "job j1 was cancelled"),
        (JobCancelled("j1", "too late"), "job j1 was cancelled: too late"),
        (JobExpired("j1", "it did not start"), "job j1 was cancelled: it did not start"),
        (QueueFull("mail", 1, 0), "queue 'mail' is full (max_size): the job was refused."),
        (QueueFull("mail", 3, 7), "queue 'mail' is full (max_size): 3 of 10 jobs were refused."),
        (QueueFull("mail", 2, 0), "queue 'mail' is full (max_size): 2 of 2 jobs were refused."),
    ],
)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_says_what_happened_also_after_it_came_out_of_a_process_pool(error, text, duplicate):
    assert str(error).startswith(text)
    other = duplicate(error)
    assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))


def test_a_failed_job_keeps_the_parts_of_its_error():
    error = JobFailed("j1", "ValueError", "no", "Traceback")
    assert (error.job_id, error.error_type, error.error_message, error.traceback) == (
        "j1",
        "ValueError",
        "no",
        "Traceback",
    )


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("timout", ["timeout", "retry"], " (did you mean 'timeout'?)"),
        ("zzz", ["timeout", "retry"], ""),
        ("timout", [], ""),
        ("timeout", iter(["timeout"]), " (did you mean 'timeout'?)"),
    ],
)
def test_the_nearest_known_name_is_suggested(name, known, expected):
    assert suggestion(name, known) == expected
