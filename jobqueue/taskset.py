"""Sets of tasks, and the decorators that make functions tasks."""

import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, ParamSpec, TypeVar, overload

from typing_extensions import Unpack

from jobqueue.errors import TaskAlreadyDefined
from jobqueue.options import BatchOptions, TaskOptions, TaskSettings, check_known
from jobqueue.task import AsyncBatchTask, AsyncTask, ItemOutcomes, SyncBatchTask, SyncTask, Task

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class TaskSet:
    """Tasks that a module defines without knowing the application that will include them.

    ::

        tasks = TaskSet()

        @tasks.task
        def resize(path: str) -> str: ...

    and where the application is: ``jobs.include(tasks)``.
    """

    def __init__(self) -> None:
        self._tasks: list[Task[..., Any]] = []
        # By all names, those that a task had before among them.
        self._by_name: dict[str, Task[..., Any]] = {}

    # An async function is a plain one as well, to a type checker: the narrower overload comes first and wins.
    @overload
    def task(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def task(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    @overload
    def task(self, /, **options: Unpack[TaskOptions]) -> "TaskDecorator": ...
    @overload
    def task(self, /, **options: Unpack[BatchOptions]) -> "BatchDecorator": ...
    def task(self, function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
        """Make a function a task; bare, or with the options of ``TaskOptions`` or ``BatchOptions``.

        Raises:
            TaskAlreadyDefined: there is a task of this name, or of one of the aliases.
            UnknownOption: there is no such option.
            InvalidOption: a value cannot work.
            InvalidName: a name has characters that are not allowed.
        """
        decorate = (BatchDecorator if "batch" in options else TaskDecorator)(self, options)
        return decorate if function is None else decorate(function)

    def add(self, task: Task[..., Any]) -> None:
        """Enter a task.

        Raises:
            TaskAlreadyDefined: there is another of its name, or of a name that one of them had before.
        """
        for name in task.names:
            other = self._by_name.get(name)
            if other is None or other is task:
                continue
            if name == task.name == other.name:
                raise TaskAlreadyDefined(
                    f"there are two tasks {name!r}: {_origin(other)} and {_origin(task)}. Give one of them another"
                    " name: @jobs.task(name=...)"
                )
            raise TaskAlreadyDefined(
                f"{name!r} is {_role(name, other)} and {_role(name, task)}. A name leads to one task: take it out of"
                " aliases=, or give the task another name"
            )
        if task.name not in self._by_name:
            self._tasks.append(task)
        self._by_name.update(dict.fromkeys(task.names, task))

    def get(self, name: str) -> Task[..., Any] | None:
        """Return the task of a name, also of one that it had before; None if there is none."""
        return self._by_name.get(name)

    def __iter__(self) -> Iterator[Task[..., Any]]:
        return iter(self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)


class TaskDecorator:
    """What ``@jobs.task(...)`` with options returns: it makes a function a task."""

    def __init__(self, tasks: TaskSet, options: Mapping[str, Any]) -> None:
        check_known(options, BatchOptions.__annotations__, "a task")
        self._tasks = tasks
        self._options = options

    # As in ``TaskSet.task``.
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Make a function a task."""
        return _defined(self._tasks, function, self._options, AsyncTask, SyncTask)


class BatchDecorator:
    """What ``@jobs.task(batch=...)`` returns: it makes a function of many items a task whose jobs have one each."""

    def __init__(self, tasks: TaskSet, options: Mapping[str, Any]) -> None:
        check_known(options, BatchOptions.__annotations__, "a task")
        self._tasks = tasks
        self._options = options

    # As in ``TaskSet.task``. None says that all items have been done, and that there is nothing to return.
    @overload
    def __call__(self, function: Callable[[list[T]], Coroutine[Any, Any, None]], /) -> AsyncBatchTask[T, None]: ...
    @overload
    def __call__(
        self, function: Callable[[list[T]], Coroutine[Any, Any, ItemOutcomes[R]]], /
    ) -> AsyncBatchTask[T, R]: ...
    @overload
    def __call__(self, function: Callable[[list[T]], None], /) -> SyncBatchTask[T, None]: ...
    @overload
    def __call__(self, function: Callable[[list[T]], ItemOutcomes[R]], /) -> SyncBatchTask[T, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Make a function a task."""
        return _defined(self._tasks, function, self._options, AsyncBatchTask, SyncBatchTask)


def _defined(
    tasks: TaskSet,
    function: Any,
    options: Mapping[str, Any],
    for_async: type[Task[..., Any]],
    for_plain: type[Task[..., Any]],
) -> Task[..., Any]:
    if not callable(function) or isinstance(function, Task):
        raise TypeError(f"@task decorates a function, not {function!r}")
    is_async = inspect.iscoroutinefunction(function)
    settings = TaskSettings.of(getattr(function, "__name__", ""), is_async, options)
    task = (for_async if is_async else for_plain)(function, settings)
    tasks.add(task)
    return task


def _role(name: str, task: Task[..., Any]) -> str:
    return f"the name of {_origin(task)}" if name == task.name else f"an alias of task {task.name!r} ({_origin(task)})"


def _origin(task: Task[..., Any]) -> str:
    return f"{task.function.__module__}.{task.function.__qualname__}"
