"""The options of tasks and of single jobs: which there are, and what they may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypedDict

from pydantic_core import PydanticSerializationError, from_json, to_json

from jobqueue.durations import seconds
from jobqueue.errors import InvalidOption, UnknownOption, suggestion
from jobqueue.names import check_name
from jobqueue.retry import Retry, as_retry
from jobqueue.versions import check_version

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
        version: the version of its arguments, 1 if it is left out. A worker parks jobs of a newer version than its own;
            those of older ones go through the upcasters.
        aliases: the names that the task had before: jobs under them run too.
    """

    name: str
    queue: str
    retry: Retry | int
    timeout: float | timedelta | None
    run: Run
    result_ttl: float | timedelta | None
    version: int
    aliases: Sequence[str]


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
    """

    id: str
    queue: str
    delay: float | timedelta
    run_at: datetime
    retry: Retry | int
    timeout: float | timedelta | None
    result_ttl: float | timedelta | None
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """The options of a task, checked and filled in. Durations are seconds."""

    name: str
    queue: str | None
    retry: Retry
    timeout: float | None
    run: Run
    result_ttl: float | None
    version: int = 1
    aliases: tuple[str, ...] = ()

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
        queue = options.get("queue")
        name = check_name(options.get("name", function_name), "task")
        return cls(
            name=name,
            queue=None if queue is None else check_name(queue, "queue"),
            retry=_checked_retry(options.get("retry", Retry())),
            timeout=_timeout(options.get("timeout")),
            run=run,
            result_ttl=_optional(options.get("result_ttl"), "result_ttl"),
            version=check_version(options.get("version", 1), "version"),
            aliases=_checked_aliases(name, options.get("aliases", ())),
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
            due = _checked_time(options["run_at"])
        queue, job_id, retry = options.get("queue"), options.get("id"), options.get("retry")
        return cls(
            id=None if job_id is None else check_name(job_id, "job id"),
            queue=None if queue is None else check_name(queue, "queue"),
            due=due,
            retry=None if retry is None else _retry_to_wire(retry),
            timeout=_timeout(options.get("timeout")),
            result_ttl=_optional(options.get("result_ttl"), "result_ttl"),
            meta=_checked_meta(options.get("meta")),
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


def _timeout(value: float | timedelta | None) -> float | None:
    timeout = _optional(value, "timeout")
    if timeout == 0:
        raise InvalidOption("timeout must be more than 0 seconds; leave it out for no limit")
    return timeout


def _optional(value: float | timedelta | None, what: str) -> float | None:
    return None if value is None else seconds(value, what)


def _checked_time(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise InvalidOption(f"run_at must be a datetime, not {value!r}")
    if value.tzinfo is None:
        raise InvalidOption(f"run_at={value!r} has no time zone: use datetime.now(UTC), or zoneinfo.ZoneInfo")
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
