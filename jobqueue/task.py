"""Tasks: functions that can be enqueued."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from typing_extensions import Unpack

from jobqueue.errors import TaskAlreadyDefined, TaskNotIncluded
from jobqueue.handle import JobHandle
from jobqueue.job import specification_text
from jobqueue.options import EnqueueOptions, JobSettings, TaskOptions, TaskSettings, check_known
from jobqueue.signature import Signature
from jobqueue.versions import U, Upcasters, check_version

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Draft(Generic[R_co]):
    """A job that has been checked and written down, but not enqueued. ``enqueue_many`` takes many of them.

    Attributes:
        task: the name of its task.
        queue: the queue it goes to; None for the application's default queue.
        id: its id; None to make one up.
        due: when it may start: None for now, seconds from now, or a time.
        specification: what is stored of it.
        decode: turns the JSON text of its result into the type that the task returns.
    """

    task: str
    queue: str | None
    id: str | None
    due: float | datetime | None
    specification: bytes
    decode: Callable[[bytes], R_co]


class Enqueuer(Protocol):
    """What a task needs of an application."""

    def enqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """Enqueue a job."""
        ...

    async def aenqueue(self, draft: Draft[R]) -> JobHandle[R]:
        """Enqueue a job from asyncio."""
        ...


class Task(Generic[P, R]):
    """A function that can be enqueued. It is made by a decorator, ``@jobs.task``.

    Attributes:
        name: the name under which workers know it.
        function: the function.
        settings: its options.
        signature: how its arguments and its result travel.
        is_async: whether it is an ``async`` function.
        upcasters: what turns the arguments of older versions into those of this one.
    """

    def __init__(self, function: Callable[..., Any], settings: TaskSettings) -> None:
        self.function = function
        self.settings = settings
        self.name = settings.name
        self.signature = Signature(function, settings.name)
        self.is_async = inspect.iscoroutinefunction(function)
        self.upcasters = Upcasters(settings.name, settings.version)
        self._options = JobSettings()
        self._enqueuer: Enqueuer | None = None
        # The task shows the name, docstring and signature of its function.
        functools.update_wrapper(cast(Callable[..., Any], self), function)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def using(self, **options: Unpack[EnqueueOptions]) -> "Task[P, R]":
        """Return this task with options for the jobs that are enqueued through it.

        The task itself stays as it is, and arguments stay typed: ``send_email.using(delay=300).enqueue("a@b.c")``.

        Raises:
            UnknownOption: there is no such option.
            InvalidOption: a value cannot work.
            InvalidName: an id or queue has characters that are not allowed.
        """
        # Not copy.copy: a subclass adds nothing but __call__, and the signature is to be shared.
        bound = object.__new__(type(self))
        bound.__dict__.update(self.__dict__)
        bound._options = _merged(self._options, JobSettings.of(options))
        return bound

    def upcast(self, version: int, /) -> Callable[[U], U]:
        """Read jobs of an older version, as a decorator: ``@send.upcast(1)``.

        The function is given the arguments of that version by name, as JSON values, and returns those of the version
        after it. From one to the next a job reaches the version that is here; a version whose function is missing is
        taken to have changed nothing. The functions are called on the worker's event loop: they are to be quick. A job
        that one of them cannot read is parked, and returns when that function, the version or the parameters change.

        Args:
            version: the version that the function reads; older than that of the task.

        Raises:
            InvalidOption: the task has no such older version, or a function for it already.
        """
        check_version(version, f"the version that an upcaster of task {self.name!r} reads")

        def decorate(function: U) -> U:
            self.upcasters.add(version, function)
            return function

        return decorate

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those that it had before."""
        return (self.name, *self.settings.aliases)

    @property
    def fingerprint(self) -> str:
        """A short text that changes with all that decides which arguments it can read."""
        return self.upcasters.fingerprint(self.signature.fingerprint)

    def draft(self, /, *args: P.args, **kwargs: P.kwargs) -> Draft[R]:
        """Return a job with these arguments, checked but not enqueued.

        Raises:
            InvalidArguments: they do not fit the signature.
        """
        return self._draft(self.signature.encode(args, kwargs), self.name)

    def draft_json(self, arguments: Mapping[str, Any], *, name: str | None = None) -> Draft[R]:
        """Return a job with arguments by name, as another program would give them: dates as text, and so on.

        Args:
            arguments: the arguments.
            name: the name of the task in the job; None for that of the task, else one that it had before.

        Raises:
            InvalidArguments: they do not fit the signature.
        """
        return self._draft(self.signature.encode_json(arguments), name or self.name)

    def enqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a job with these arguments.

        Returns:
            A handle to the job.

        Raises:
            InvalidArguments: the arguments do not fit the signature.
            PayloadTooLarge: their JSON text is over the limit.
            TaskNotIncluded: the task belongs to a task set that no application has included.
            ServerError: Redis refuses, is full, or is not available.
        """
        return self._application().enqueue(self.draft(*args, **kwargs))

    async def aenqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a job from asyncio; otherwise as ``enqueue``."""
        return await self._application().aenqueue(self.draft(*args, **kwargs))

    def bind(self, enqueuer: Enqueuer) -> None:
        """Say which application enqueues the jobs of this task: for applications."""
        self._enqueuer = enqueuer

    @property
    def bound_to(self) -> Enqueuer | None:
        """The application that enqueues its jobs."""
        return self._enqueuer

    def _application(self) -> Enqueuer:
        if self._enqueuer is None:
            raise TaskNotIncluded(
                f"task {self.name!r} belongs to a task set that no application has included: call jobs.include(tasks)"
            )
        return self._enqueuer

    def _draft(self, args: bytes, name: str) -> Draft[R]:
        options = self._options
        return Draft(
            task=name,
            queue=options.queue or self.settings.queue,
            id=options.id,
            due=options.due,
            specification=specification_text(
                name,
                args,
                timeout=options.timeout,
                retry=options.retry,
                result_ttl=options.result_ttl,
                meta=options.meta,
                version=self.settings.version,
            ),
            decode=self.signature.decode_result,
        )


class SyncTask(Task[P, R]):
    """A task made from a plain function."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, here and now."""
        result: R = self.function(*args, **kwargs)
        return result


class AsyncTask(Task[P, R]):
    """A task made from an ``async`` function."""

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """Call the function, here and now."""
        result: Coroutine[Any, Any, R] = self.function(*args, **kwargs)
        return result


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
    def task(self, function: Callable[..., Any] | None = None, /, **options: Unpack[TaskOptions]) -> Any:
        """Make a function a task; bare, or with the options of ``TaskOptions``.

        Raises:
            TaskAlreadyDefined: there is a task of this name, or of one of the aliases.
            UnknownOption: there is no such option.
            InvalidOption: a value cannot work.
            InvalidName: a name has characters that are not allowed.
        """
        decorate = TaskDecorator(self, options)
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

    def __init__(self, tasks: TaskSet, options: TaskOptions) -> None:
        check_known(options, TaskOptions.__annotations__, "a task")
        self._tasks = tasks
        self._options = options

    # As in ``TaskSet.task``.
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(self, function: Callable[P, R], /) -> SyncTask[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> Any:
        """Make a function a task."""
        if not callable(function) or isinstance(function, Task):
            raise TypeError(f"@task decorates a function, not {function!r}")
        is_async = inspect.iscoroutinefunction(function)
        settings = TaskSettings.of(getattr(function, "__name__", ""), is_async, self._options)
        task: Task[..., Any] = (AsyncTask if is_async else SyncTask)(function, settings)
        self._tasks.add(task)
        return task


def _merged(base: JobSettings, more: JobSettings) -> JobSettings:
    """Return options, of which the later ones go before the earlier ones."""
    given = {name: getattr(more, name) for name in JobSettings.__slots__ if getattr(more, name) is not None}
    return replace(base, **given) if given else base


def _role(name: str, task: Task[..., Any]) -> str:
    return f"the name of {_origin(task)}" if name == task.name else f"an alias of task {task.name!r} ({_origin(task)})"


def _origin(task: Task[..., Any]) -> str:
    return f"{task.function.__module__}.{task.function.__qualname__}"
