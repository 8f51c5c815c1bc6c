"""Tasks: functions that can be enqueued."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from pydantic_core import from_json
from typing_extensions import Unpack

from jobqueue.errors import InvalidArguments, InvalidOption, TaskAlreadyDefined, TaskNotIncluded, suggestion
from jobqueue.handle import JobHandle
from jobqueue.job import specification_text
from jobqueue.names import check_key
from jobqueue.options import BatchOptions, EnqueueOptions, JobSettings, TaskOptions, TaskSettings, check_known
from jobqueue.signals import Cancel, RetryAfter, Snooze
from jobqueue.signature import ItemSignature, Signature
from jobqueue.steering import Gathering, Steering
from jobqueue.versions import U, Upcasters, check_version

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

ItemOutcomes = Sequence[R | Exception | Snooze | RetryAfter | Cancel]
"""What a batch function returns: for each item its result, or in its place what the item would have raised."""


@dataclass(frozen=True, slots=True)
class Draft(Generic[R_co]):
    """A job that has been checked and written down, but not enqueued. ``enqueue_many`` takes many of them.

    Attributes:
        task: the name of its task.
        queue: the queue it goes to; None for the application's default queue.
        id: its id; None to make one up.
        due: when it may start: None for now, seconds from now, or a time.
        specification: what is stored of it.
        steering: what steers it besides its time; None for a plain job.
        decode: turns the JSON text of its result into the type that the task returns.
    """

    task: str
    queue: str | None
    id: str | None
    due: float | datetime | None
    specification: bytes
    decode: Callable[[bytes], R_co]
    steering: Steering | None = None


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
        self.signature = (Signature if settings.batch is None else ItemSignature)(function, settings.name)
        self.is_async = inspect.iscoroutinefunction(function)
        self.upcasters = Upcasters(settings.name, settings.version)
        self._options = JobSettings()
        self._enqueuer: Enqueuer | None = None
        self._check_parameters()
        self._steers = settings.steers
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
        bound._check_parameters()
        bound._steers = self._steers or bound._options.steers
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

    def _check_parameters(self) -> None:
        """Refuse options that name a parameter which the function does not have."""
        settings, known = self.settings, self.signature.parameter_names
        if settings.aggregate is not None and self._options.dedup is not None:
            raise InvalidOption(f"{self.name}() gathers (aggregate): its jobs have no dedup")
        named = {
            "key_by": [settings.key_by] if settings.key_by else [],
            "Dedup(by=...)": [
                name for dedup in (settings.dedup, self._options.dedup) if dedup for name in dedup.by or ()
            ],
            "Aggregate(...)": [settings.aggregate.items] if settings.aggregate else [],
        }
        for what, names in named.items():
            for name in names:
                if name not in known:
                    raise InvalidOption(f"{what}: {self.name}() has no parameter {name!r}{suggestion(name, known)}")

    def _application(self) -> Enqueuer:
        if self._enqueuer is None:
            raise TaskNotIncluded(
                f"task {self.name!r} belongs to a task set that no application has included: call jobs.include(tasks)"
            )
        return self._enqueuer

    def _draft(self, args: bytes, name: str) -> Draft[R]:
        options, settings = self._options, self.settings
        if not self._steers:
            return Draft(
                task=name,
                queue=options.queue or settings.queue,
                id=options.id,
                due=options.due,
                specification=specification_text(
                    name,
                    args,
                    timeout=options.timeout,
                    retry=options.retry,
                    result_ttl=options.result_ttl,
                    meta=options.meta,
                    version=settings.version,
                ),
                decode=self.signature.decode_result,
            )
        key, dedup, gathering, tail = options.key, None, None, 0
        if settings.key_by is not None and key is None:
            key = key_argument(self.name, settings.key_by, args)
        if settings.aggregate is not None:
            args, start, tail, count, shared = settings.aggregate.arrange(self.name, args)
            dedup = ("aggregate", settings.aggregate.quiet, shared if key is None else f"{shared}@{key}")
        elif (same := options.dedup or settings.dedup) is not None:
            dedup = (same.mode, same.period, same.shared_key(self.name, from_json(args), key))
        specification = specification_text(
            name,
            args,
            timeout=options.timeout,
            retry=options.retry,
            result_ttl=options.result_ttl,
            meta=options.meta,
            key=key,
            version=settings.version,
        )
        if settings.aggregate is not None:
            after_items = len(specification) - len(args) - specification.index(args)
            gathering = Gathering(
                settings.aggregate.size, settings.aggregate.max_delay, start + after_items, tail + after_items, count
            )
        steering = Steering(
            priority=settings.priority if options.priority is None else options.priority,
            lifo=bool(options.lifo),
            key=key,
            expires=settings.expires if options.expires is None else options.expires,
            dedup=dedup,
            gathering=gathering,
            after=options.after or (),
        )
        return Draft(
            task=name,
            queue=options.queue or settings.queue,
            id=options.id,
            due=options.due,
            specification=specification,
            decode=self.signature.decode_result,
            steering=steering or None,
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


class SyncBatchTask(Task[[T], R]):
    """A task made from a plain function that takes many items; one item is one job."""

    def __call__(self, items: list[T], /) -> ItemOutcomes[R]:
        """Call the function, here and now."""
        result: ItemOutcomes[R] = self.function(items)
        return result


class AsyncBatchTask(Task[[T], R]):
    """A task made from an ``async`` function that takes many items; one item is one job."""

    def __call__(self, items: list[T], /) -> Coroutine[Any, Any, ItemOutcomes[R]]:
        """Call the function, here and now."""
        result: Coroutine[Any, Any, ItemOutcomes[R]] = self.function(items)
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


def key_argument(task: str, parameter: str, args: bytes) -> str:
    """Return the key of a job: the argument of the parameter that ``key_by`` names.

    Raises:
        InvalidName: it cannot be a key.
    """
    arguments = from_json(args)
    if parameter not in arguments:
        raise InvalidArguments(f"{task}(): {parameter} is the key of the job (key_by), so it must be given")
    return check_key(arguments[parameter])


def _merged(base: JobSettings, more: JobSettings) -> JobSettings:
    """Return options, of which the later ones go before the earlier ones."""
    given = {name: getattr(more, name) for name in JobSettings.__slots__ if getattr(more, name) is not None}
    return replace(base, **given) if given else base


def _role(name: str, task: Task[..., Any]) -> str:
    return f"the name of {_origin(task)}" if name == task.name else f"an alias of task {task.name!r} ({_origin(task)})"


def _origin(task: Task[..., Any]) -> str:
    return f"{task.function.__module__}.{task.function.__qualname__}"
