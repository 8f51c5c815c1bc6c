"""The names that the library promises to keep."""

import ast
import inspect
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import jobqueue

PUBLIC = [
    "After",
    "Aggregate",
    "AmbiguousJob",
    "AsyncTask",
    "Batch",
    "CallNext",
    "Cancel",
    "Configuration",
    "Counts",
    "Cron",
    "Dedup",
    "Dependency",
    "DependencyCycle",
    "Draft",
    "EmbeddedServerError",
    "Encryption",
    "Every",
    "Execution",
    "Explanation",
    "Exponential",
    "Flow",
    "Group",
    "Inspection",
    "InvalidArguments",
    "InvalidJob",
    "InvalidName",
    "InvalidOption",
    "InvalidSchedule",
    "InvalidURL",
    "JobCancelled",
    "JobConflict",
    "JobContext",
    "JobEnded",
    "JobEvent",
    "JobExpired",
    "JobFailed",
    "JobHandle",
    "JobInfo",
    "JobNotFound",
    "JobQueue",
    "JobQueueError",
    "JobStarted",
    "JobState",
    "JobTimeout",
    "Keep",
    "Limits",
    "NotDurable",
    "NotInsideJob",
    "OutcomeKind",
    "PayloadTooLarge",
    "Queue",
    "QueueFull",
    "QueueInUse",
    "RateLimit",
    "RateLimited",
    "Reason",
    "ResultTimeout",
    "Retention",
    "Retry",
    "RetryAfter",
    "Schedule",
    "ScheduleConflict",
    "ScheduleInfo",
    "ScheduleNotFound",
    "Schedules",
    "ServerError",
    "ServerFull",
    "ServerRefused",
    "ServerUnavailable",
    "Signing",
    "Slot",
    "Snooze",
    "SyncTask",
    "Task",
    "TaskAlreadyDefined",
    "TaskNotIncluded",
    "TaskSet",
    "Timeline",
    "TimelineEntry",
    "UnknownDependency",
    "UnknownOption",
    "UnknownTask",
    "UnreadableResult",
    "WaitFor",
    "WorkerInfo",
    "WorkerNotFound",
    "Workers",
    "__version__",
    "chain",
    "chord",
    "current_batch",
    "current_job",
    "group",
]

OBJECTS = {name: getattr(jobqueue, name) for name in jobqueue.__all__}
CLASSES = {name: value for name, value in OBJECTS.items() if inspect.isclass(value)}
FUNCTIONS = {name: value for name, value in OBJECTS.items() if inspect.isfunction(value)}


def test_the_public_names_are_these():
    assert jobqueue.__all__ == PUBLIC == sorted(PUBLIC)


def test_they_are_imported_from_where_type_checkers_are_told():
    told = {
        alias.name: node.module
        for node in ast.walk(ast.parse(Path(jobqueue.__file__).read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    homes = {name: f"jobqueue.{module}" for module, names in jobqueue._HOMES.items() for name in names.split()}
    assert told == homes | {"__version__": "jobqueue.version"}


def test_a_name_that_is_not_there_is_an_ordinary_mistake():
    with pytest.raises(AttributeError, match="module 'jobqueue' has no attribute 'JobQeue'"):
        jobqueue.JobQeue  # noqa: B018  it is the reading that fails
    assert set(PUBLIC) <= set(dir(jobqueue))


def test_nothing_else_can_be_imported_by_accident():
    others = {name for name, value in vars(jobqueue).items() if name[0] != "_" and not inspect.ismodule(value)}
    assert others == {name for name in PUBLIC if name[0] != "_"}


def test_every_class_and_function_has_a_docstring_of_its_own_that_begins_with_a_sentence():
    docstrings = {name: vars(kind).get("__doc__") for name, kind in CLASSES.items()}
    docstrings |= {name: function.__doc__ for name, function in FUNCTIONS.items()}
    assert [name for name, text in docstrings.items() if not text or not text.splitlines()[0].endswith(".")] == []


def described(tree: ast.Module) -> Iterator[str]:
    """Yield the names of a module that are assigned and have a text below them."""
    for statement, following in pairwise(tree.body):
        match statement, following:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str())):
                yield name


def test_every_alias_has_a_docstring_below_it():
    folder = Path(jobqueue.__file__).parent
    found = {name for path in folder.glob("*.py") for name in described(ast.parse(path.read_text("utf-8")))}
    aliases = set(PUBLIC) - CLASSES.keys() - FUNCTIONS.keys() - {"__version__"}
    assert aliases == {"CallNext", "JobEvent"}
    assert aliases <= found


def functions_of(kind: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public methods and properties of a class, and what makes its objects, also those it inherits."""
    for base in kind.__mro__:
        if base.__module__.split(".")[0] == "jobqueue":
            for name, value in vars(base).items():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if inspect.isfunction(function) and (name[0] != "_" or name in ("__init__", "__call__")):
                    yield name, function


METHODS = {
    f"{owner}.{name}": value for owner, kind in CLASSES.items() for name, value in functions_of(kind)
} | FUNCTIONS


def is_complete(function: Callable[..., Any]) -> bool:
    """Tell whether a function is annotated completely."""
    signature = inspect.signature(function)
    first, *others = [*signature.parameters.values(), None]
    named = others if first and first.name in ("self", "cls") else [first, *others]
    annotated = all(parameter.annotation is not parameter.empty for parameter in named if parameter)
    return annotated and signature.return_annotation is not signature.empty


def test_every_function_and_method_is_annotated_completely():
    assert {"JobHandle.result", "JobQueue.enqueue_many", "Task.using", "JobInfo.__init__", "Keep.__init__"} <= set(
        METHODS
    )
    assert [name for name, function in METHODS.items() if not is_complete(function)] == []


def test_every_function_and_method_has_a_docstring():
    undocumented = [name for name, function in METHODS.items() if not function.__doc__]
    assert [name for name in undocumented if not name.endswith(".__init__")] == []


@pytest.mark.parametrize("owner", ["Inspection", "JobHandle", "Queue", "JobQueue", "Task"])
def test_every_twin_for_asyncio_has_the_same_parameters_and_is_awaited(owner):
    methods = dict(functions_of(CLASSES[owner]))
    twins = {name: f"a{name}" for name in methods if f"a{name}" in methods}
    assert twins
    for name, twin in twins.items():
        assert inspect.signature(methods[name]).parameters == inspect.signature(methods[twin]).parameters
        assert inspect.iscoroutinefunction(methods[twin]) or inspect.isasyncgenfunction(methods[twin])


@pytest.mark.parametrize(
    ("owner", "needs_no_server"),
    [("Inspection", set()), ("JobHandle", {"keys", "outcome"}), ("Queue", {"draft", "job"})],
)
def test_everything_that_talks_to_the_server_has_a_twin_for_asyncio(owner, needs_no_server):
    names = {name for name in dict(functions_of(CLASSES[owner])) if name[0] != "_"}
    assert {name for name in names if f"a{name}" not in names and name[1:] not in names} == needs_no_server
