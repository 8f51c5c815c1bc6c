"""Tasks: functions that can be enqueued."""

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from pydantic_core import from_json
from typing_extensions import Unpack

from jobqueue.aggregate import Arranged
from jobqueue.durability import Durability
from jobqueue.errors import InvalidArguments, InvalidOption, TaskNotIncluded, suggestion
from jobqueue.handle import JobHandle
from jobqueue.job import specification_text
from jobqueue.names import check_key
from jobqueue.options import EnqueueOptions, JobSettings, TaskSettings
from jobqueue.schedule import Schedule
from jobqueue.signals import Cancel, RateLimited, RetryAfter, Snooze
from jobqueue.signature import ItemSignature, Signature
from jobqueue.steering import Steering
from jobqueue.versions import U, Upcasters, check_version

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

ItemOutcomes = Sequence[R | Exception | Snooze | RetryAfter | RateLimited | Cancel]
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
        durability: how safe it is to be when it has been enqueued; None for what the application says.
    """

    task: str
    queue: str | None
    id: str | None
    due: float | datetime | None
    specification: bytes
    decode: Callable[[bytes], R_co]
    steering: Steering | None = None
    durability: Durability | None = None


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
            NotDurable: the job is enqueued, but not known to be as safe as ``durability`` says.
            ServerError: Redis refuses, is full, or is not available.
        """
        return self._application().enqueue(self.draft(*args, **kwargs))

    async def aenqueue(self, /, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Enqueue a job from asyncio; otherwise as ``enqueue``."""
        return await self._application().aenqueue(self.draft(*args, **kwargs))

    def scheduled(self) -> list[tuple[str, Schedule, Draft[R]]]:
        """Return its schedules: the id of each, the schedule, and what it starts.

        Raises:
            InvalidArguments: the arguments of a schedule do not fit the signature.
            UnknownOption: an option of a schedule does not exist.
        """
        found = []
        for schedule in self.settings.schedules:
            draft = cast(Any, self.using(**cast(Any, schedule.options)).draft)(**schedule.args)
            found.append((schedule.id or self.name, schedule, draft))
        return found

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
        key: str | None = None
        items: Arranged | None = None
        if self._steers:
            key = options.key if settings.key_by is None or options.key else self._key_argument(settings.key_by, args)
            if settings.aggregate is not None:
                items = settings.aggregate.arrange(self.name, args)
                args = items.args
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
        return Draft(
            task=name,
            queue=options.queue or settings.queue,
            id=options.id,
            due=options.due,
            specification=specification,
            decode=self.signature.decode_result,
            steering=self._steering(key, args, items, specification) if self._steers else None,
            durability=options.durability or settings.durability,
        )

    def _steering(self, key: str | None, args: bytes, items: Arranged | None, specification: bytes) -> Steering | None:
        options, settings = self._options, self.settings
        dedup, gathering = None, None
        if items is not None and settings.aggregate is not None:
            dedup = (
                "aggregate",
                settings.aggregate.quiet,
                items.shared_key if key is None else f"{items.shared_key}@{key}",
            )
            gathering = settings.aggregate.gathering(items, specification)
        elif (same := options.dedup or settings.dedup) is not None:
            dedup = (same.mode, same.period, same.shared_key(self.name, from_json(args), key))
        steering = Steering(
            priority=settings.priority if options.priority is None else options.priority,
            lifo=bool(options.lifo),
            key=key,
            expires=settings.expires if options.expires is None else options.expires,
            dedup=dedup,
            gathering=gathering,
            after=options.after or (),
        )
        return steering or None

    def _key_argument(self, parameter: str, args: bytes) -> str:
        arguments = from_json(args)
        if parameter not in arguments:
            raise InvalidArguments(f"{self.name}(): {parameter} is the key of the job (key_by), so it must be given")
        return check_key(arguments[parameter])


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


def _merged(base: JobSettings, more: JobSettings) -> JobSettings:
    """Return options, of which the later ones go before the earlier ones."""
    given = {name: getattr(more, name) for name in JobSettings.__slots__ if getattr(more, name) is not None}
    return replace(base, **given) if given else base
