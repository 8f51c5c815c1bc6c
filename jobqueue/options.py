"""The options of tasks and of single jobs: which there are, and what they may be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Required, TypedDict, TypeVar

from pydantic_core import PydanticSerializationError, from_json, to_json

from jobqueue.aggregate import Aggregate
from jobqueue.batch import Batch
from jobqueue.cron import Cron
from jobqueue.dedup import Dedup
from jobqueue.dependencies import After, Edge, JobReference, edges_of
from jobqueue.durability import Durability, checked_durability
from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, UnknownOption, suggestion
from jobqueue.limits import Limits
from jobqueue.names import check_key, check_name
from jobqueue.retry import Retry, as_retry
from jobqueue.schedule import Every, Schedule, as_schedule, check_schedule_id
from jobqueue.steering import checked_priority
from jobqueue.versions import check_version

T = TypeVar("T")

Run = Literal["async", "thread", "process"]
"""Where a task runs: on the event loop, in a thread, or in a process of its own that can be killed."""


class TaskOptions(TypedDict, total=False):
    """What ``@jobs.task(...)`` takes.

    Attributes:
        name: the name under which workers know the task; that of the function if it is left out.
        queue: the queue its jobs go to; the application's default queue if it is left out.
        retry: the retry policy, or just a number of attempts; 3 attempts with exponential backoff if it is left out.
        timeout: seconds (or a ``timedelta``) that an attempt may take; None, the default, for no limit.
        run: where it runs; ``"async"`` for ``async def``, ``"thread"`` for plain functions if it is left out.
        result_ttl: seconds (or a ``timedelta``) that a completed job and its result are kept, at most as long as the
            retention of the application; 0 keeps nothing.
        priority: from -1,000,000 to 1,000,000; higher ones go first, and jobs of the same priority in their order.
        key_by: the parameter whose argument is the key of a job: keys take turns, and can be limited each.
        expires: seconds (or a ``timedelta``) after which a job is dropped that has not started.
        dedup: which jobs are the same, and what becomes of the second.
        aggregate: which parameter gathers the items of several calls in one job, and until when.
        limits: how many jobs of the task run at once, or start in a time, on all workers of a queue together.
        version: the version of its arguments, 1 if it is left out. A worker parks jobs of a newer version than its own;
            those of older ones go through the upcasters.
        aliases: the names that the task had before: jobs under them run too.
        schedule: when it runs by itself: ``Cron(...)``, ``Every(...)`` or ``Schedule(...)``, or several of them.
        durability: how safe a job is to be when ``enqueue`` returns: ``"memory"`` of the server, ``"replica"`` too, or
            ``"fsync"``, on its disk; that of the application if it is left out. Not for the jobs of schedules.
    """

    name: str
    queue: str
    retry: Retry | int
    timeout: float | timedelta | None
    run: Run
    result_ttl: float | timedelta | None
    priority: int
    key_by: str
    expires: float | timedelta
    dedup: Dedup
    aggregate: Aggregate
    limits: Limits
    version: int
    aliases: Sequence[str]
    schedule: Cron | Every | Schedule | Sequence[Cron | Every | Schedule]
    durability: Durability


class BatchOptions(TaskOptions):
    """What ``@jobs.task(...)`` takes for a task that runs many jobs in one call: all of the above, and one more.

    Attributes:
        batch: how many jobs one call takes at most, and how long the first of them waits for others.
    """

    batch: Required[Batch]


class EnqueueOptions(TypedDict, total=False):
    """What ``task.using(...)`` takes: options of a single job, which go before those of its task.

    Attributes:
        id: the id of the job; enqueueing the same id twice is enqueueing it once. Made up if it is left out.
        queue: the queue it goes to.
        delay: seconds (or a ``timedelta``) before it may start.
        run_at: the time, with a time zone, before which it does not start.
        retry: the retry policy, or just a number of attempts with the task's backoff. Exception types and functions
            cannot travel with a job.
        timeout: seconds (or a ``timedelta``) that an attempt may take.
        result_ttl: as for the task.
        meta: a JSON object for middleware and hooks, for instance a trace id.
        priority: as for the task.
        lifo: whether it goes before those of its priority that wait already; without effect on one that is delayed or
            waits for others.
        key: the key among whose jobs it takes its turn: a tenant, a customer.
        expires: as for the task, or a time with a time zone.
        dedup: as for the task.
        after: handles of the jobs that it waits for, or ``After(handle, on_failure=...)``.
        durability: as for the task.
    """

    id: str
    queue: str
    delay: float | timedelta
    run_at: datetime
    retry: Retry | int
    timeout: float | timedelta | None
    result_ttl: float | timedelta | None
    meta: Mapping[str, Any]
    priority: int
    lifo: bool
    key: str | int
    expires: float | timedelta | datetime
    dedup: Dedup
    after: JobReference | After | Iterable[JobReference | After]
    durability: Durability


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """The options of a task, checked and filled in. Durations are seconds."""

    name: str
    queue: str | None
    retry: Retry
    timeout: float | None
    run: Run
    result_ttl: float | None
    priority: int = 0
    key_by: str | None = None
    expires: float | None = None
    dedup: Dedup | None = None
    aggregate: Aggregate | None = None
    limits: Limits | None = None
    batch: Batch | None = None
    version: int = 1
    aliases: tuple[str, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    durability: Durability | None = None

    @property
    def steers(self) -> bool:
        """Whether its jobs are more than plain ones."""
        found = (self.key_by, self.expires, self.dedup, self.aggregate)
        return bool(self.priority) or any(option is not None for option in found)

    @classmethod
    def of(cls, function_name: str, is_async: bool, options: Mapping[str, Any]) -> "TaskSettings":
        """Check the options of a task.

        Raises:
            InvalidOption: a value cannot work.
            InvalidName: a name has characters that are not allowed.
        """
        run = options.get("run", "async" if is_async else "thread")
        allowed = ("async", "process") if is_async else ("thread", "process")
        if run not in allowed:
            kind = "an async function" if is_async else "a plain function"
            raise InvalidOption(f"run={run!r}: {kind} runs as {' or '.join(map(repr, allowed))}")
        queue, limits, key_by = options.get("queue"), options.get("limits"), options.get("key_by")
        if options.get("dedup") is not None and options.get("aggregate") is not None:
            raise InvalidOption("dedup= and aggregate= exclude each other: calls that are gathered are not duplicates")
        if options.get("batch") is not None and options.get("aggregate") is not None:
            raise InvalidOption("batch= and aggregate= exclude each other: jobs that run together, or one that gathers")
        if key_by is not None and not isinstance(key_by, str):
            raise InvalidOption(f"key_by must be the name of a parameter, not {key_by!r}")
        name = check_name(options.get("name", function_name), "task")
        return cls(
            name=name,
            queue=None if queue is None else check_name(queue, "queue"),
            retry=_checked_retry(options.get("retry", Retry())),
            timeout=_timeout(options.get("timeout")),
            run=run,
            result_ttl=_optional(options.get("result_ttl"), "result_ttl"),
            priority=checked_priority(options.get("priority", 0)),
            key_by=key_by,
            expires=_expiry(options.get("expires")),
            dedup=_instance(options.get("dedup"), Dedup, "dedup"),
            aggregate=_instance(options.get("aggregate"), Aggregate, "aggregate"),
            limits=None if limits is None else _checked_limits(limits, "task"),
            batch=_checked_batch(options["batch"], run) if "batch" in options else None,
            version=check_version(options.get("version", 1), "version"),
            aliases=_checked_aliases(name, options.get("aliases", ())),
            schedules=() if options.get("schedule") is None else _checked_schedules(name, options["schedule"]),
            durability=None if options.get("durability") is None else checked_durability(options["durability"]),
        )


@dataclass(frozen=True, slots=True)
class JobSettings:
    """The options of a single job, checked. What is None is left to the task."""

    id: str | None = None
    queue: str | None = None
    due: float | datetime | None = None
    retry: Mapping[str, Any] | None = None
    timeout: float | None = None
    result_ttl: float | None = None
    meta: Mapping[str, Any] | None = None
    priority: int | None = None
    lifo: bool | None = None
    key: str | None = None
    expires: float | datetime | None = None
    dedup: Dedup | None = None
    after: tuple[Edge, ...] | None = None
    durability: Durability | None = None

    @property
    def steers(self) -> bool:
        """Whether the job is more than a plain one."""
        found = (self.priority, self.lifo, self.key, self.expires, self.dedup, self.after)
        return any(option is not None for option in found)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "JobSettings":
        """Check the options of a job.

        Raises:
            InvalidOption: a value cannot work.
            InvalidName: a name has characters that are not allowed.
            UnknownOption: there is no such option.
        """
        if not options:
            return _NOTHING
        check_known(options, EnqueueOptions.__annotations__, "a job")
        if "delay" in options and "run_at" in options:
            raise InvalidOption("delay= and run_at= exclude each other: a job has one time")
        due: float | datetime | None = None
        if "delay" in options:
            due = seconds(options["delay"], "delay")
        elif "run_at" in options:
            due = checked_time(options["run_at"], "run_at")
        priority, key, lifo = options.get("priority"), options.get("key"), options.get("lifo")
        if lifo is not None and not isinstance(lifo, bool):
            raise InvalidOption(f"lifo must be True or False, not {lifo!r}")
        expires = options.get("expires")
        queue, job_id, retry = options.get("queue"), options.get("id"), options.get("retry")
        return cls(
            id=None if job_id is None else check_name(job_id, "job id"),
            queue=None if queue is None else check_name(queue, "queue"),
            due=due,
            retry=None if retry is None else _retry_to_wire(retry),
            timeout=_timeout(options.get("timeout")),
            result_ttl=_optional(options.get("result_ttl"), "result_ttl"),
            meta=_checked_meta(options.get("meta")),
            priority=None if priority is None else checked_priority(priority),
            lifo=lifo,
            key=None if key is None else check_key(key),
            expires=checked_time(expires, "expires") if isinstance(expires, datetime) else _expiry(expires),
            dedup=_instance(options.get("dedup"), Dedup, "dedup"),
            after=None if options.get("after") is None else edges_of(options["after"]),
            durability=None if options.get("durability") is None else checked_durability(options["durability"]),
        )


_NOTHING = JobSettings()


def check_known(options: Mapping[str, Any], known: Mapping[str, Any], what: str) -> None:
    """Refuse options that do not exist.

    Raises:
        UnknownOption: there is no such option.
    """
    for name in options:
        if name not in known:
            hint = suggestion(name, known) or f" (there are {', '.join(sorted(known))})"
            raise UnknownOption(f"{what} has no option {name!r}{hint}")


def _retry_to_wire(value: Any) -> Mapping[str, Any]:
    policy = _checked_retry(value)
    # Of a number alone, nothing else follows: the backoff remains that of the task.
    return policy.to_wire() if value is policy else {"attempts": policy.attempts}


def _checked_retry(value: Any) -> Retry:
    if isinstance(value, Retry) or (isinstance(value, int) and not isinstance(value, bool)):
        return as_retry(value)
    raise InvalidOption(f"retry must be Retry(...) or a number of attempts, not {value!r}")


def _checked_batch(value: Any, run: Run) -> Batch:
    if not isinstance(value, Batch):
        raise InvalidOption(f"batch must be Batch(size=..., wait=...), not {value!r}")
    if run == "process":
        raise InvalidOption(
            'batch= and run="process" exclude each other: a process runs one job at a time. Leave run out'
        )
    return value


def _checked_aliases(name: str, value: Any) -> tuple[str, ...]:
    # A text is a sequence of texts as well, and each letter of it would be a name.
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidOption(f"aliases must be a list of names, such as ['old.name'], not {value!r}")
    aliases = tuple(check_name(alias, "alias") for alias in value)
    if name in aliases:
        raise InvalidOption(f"aliases: {name!r} is the name of the task itself; leave it out")
    if len(set(aliases)) < len(aliases):
        raise InvalidOption(f"aliases: a name is given twice in {list(aliases)!r}")
    return aliases


def _checked_schedules(name: str, value: Any) -> tuple[Schedule, ...]:
    several = isinstance(value, Sequence) and not isinstance(value, str)
    schedules = tuple(as_schedule(each) for each in (value if several else [value]))
    ids = [schedule.id or check_schedule_id(name) for schedule in schedules]
    if len(set(ids)) < len(ids):
        raise InvalidOption(
            f"schedule: several schedules of a task need ids of their own: Schedule(..., id=...), not {ids!r}"
        )
    return schedules


def _timeout(value: float | timedelta | None) -> float | None:
    timeout = _optional(value, "timeout")
    if timeout == 0:
        raise InvalidOption("timeout must be more than 0 seconds; leave it out for no limit")
    return timeout


def _optional(value: float | timedelta | None, what: str) -> float | None:
    return None if value is None else seconds(value, what)


def _expiry(value: Any) -> float | None:
    found = _optional(value, "expires")
    if found == 0:
        raise InvalidOption("expires must be more than 0 seconds: the job would be dropped at once")
    return found


def _instance(value: Any, kind: type[T], what: str) -> T | None:
    if value is None or isinstance(value, kind):
        return value
    raise InvalidOption(f"{what} must be {kind.__name__}(...), not {value!r}")


def _checked_limits(value: Any, what: Literal["queue", "task", "key"]) -> Limits:
    if not isinstance(value, Limits):
        raise InvalidOption(f"limits must be Limits(...), not {value!r}")
    return value.check_for(what)


def checked_time(value: Any, what: str) -> datetime:
    """Return a time, if it says in which time zone it is.

    Raises:
        InvalidOption: it does not, or is no time.
    """
    if not isinstance(value, datetime):
        raise InvalidOption(f"{what} must be a datetime, not {value!r}")
    if value.tzinfo is None:
        raise InvalidOption(f"{what}={value!r} has no time zone: use datetime.now(UTC), or zoneinfo.ZoneInfo")
    return value


def _checked_meta(value: Any) -> Mapping[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidOption(f"meta must be a mapping of JSON values, not {value!r}")
    as_dict = dict(value)
    try:
        # In an array, because a specification is a level around it.
        survives = from_json(b"[%b]" % to_json(as_dict), allow_inf_nan=False) == [as_dict]
    except (PydanticSerializationError, ValueError):
        survives = False
    if not survives:
        # Without the value: it may be huge, or secret.
        raise InvalidOption(
            "meta must be a mapping of JSON values, which this is not: use text for keys, and for values text, finite"
            " numbers, True, False, None, and lists and dicts of them"
        )
    return as_dict
