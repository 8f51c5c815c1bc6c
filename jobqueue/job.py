"""What a job is: its states, what is stored of it, and how that reads on the wire.

The layout of the stored texts is documented in ``docs/wire-format.md``; this module is its only reader and writer in
Python. The Lua scripts treat them as opaque, but for the framing that they write themselves.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import to_json

from jobqueue.durations import seconds
from jobqueue.names import check_key, check_name
from jobqueue.stored import READ_LIMIT, RECORD_LIMIT, read_json, text_of
from jobqueue.versions import is_version


class JobState(StrEnum):
    """Where a job is in its life. The words are the same in Lua, events, CLI and docs."""

    WAITING = "waiting"
    """May run now. A parked job waits too: for a worker that knows its task."""
    DELAYED = "delayed"
    """Runs when its time has come."""
    BLOCKED = "blocked"
    """Waits for other jobs to end."""
    ACTIVE = "active"
    """Held by a worker."""
    COMPLETED = "completed"
    """Returned a result."""
    FAILED = "failed"
    """Has no attempts left: the dead-letter set."""
    CANCELLED = "cancelled"
    """Was called off."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to a job in this state by itself."""
        return self in (JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED)


class OutcomeKind(StrEnum):
    """How one execution of a job ended."""

    COMPLETED = "completed"
    """It returned. The job has completed."""
    FAILED = "failed"
    """It raised, and no attempt is left. The job has failed."""
    CANCELLED = "cancelled"
    """It was called off. The job is cancelled."""
    RETRIED = "retried"
    """It raised, and will be tried again. An attempt is charged."""
    SNOOZED = "snoozed"
    """It asked to be run later."""
    INTERRUPTED = "interrupted"
    """The worker shut down and handed the job back."""
    LOST = "lost"
    """The worker died, or lost its lease. Too many of these and the job has failed."""
    PARKED = "parked"
    """The worker could not run it: it does not know the task or its version, or cannot read the arguments."""
    LIMITED = "limited"
    """It was told to slow down. Its key, task or queue rests for a while; the job is run again then."""
    BLOCKED = "blocked"
    """It waits for other jobs, and runs again when they have ended."""
    EXPIRED = "expired"
    """It did not start before its time was over. The job is cancelled."""


class Transition(NamedTuple):
    """A step from one state to another, and what causes it."""

    source: JobState | None
    target: JobState
    cause: str


TRANSITIONS: frozenset[Transition] = frozenset(
    {
        Transition(None, JobState.WAITING, "added"),
        Transition(None, JobState.DELAYED, "added"),
        Transition(None, JobState.BLOCKED, "added"),
        Transition(None, JobState.FAILED, "dependency failed"),
        Transition(JobState.BLOCKED, JobState.WAITING, "unblocked"),
        Transition(JobState.BLOCKED, JobState.DELAYED, "unblocked"),
        Transition(JobState.BLOCKED, JobState.FAILED, "dependency failed"),
        Transition(JobState.BLOCKED, JobState.CANCELLED, "cancelled"),
        Transition(JobState.BLOCKED, JobState.CANCELLED, "expired"),
        Transition(JobState.DELAYED, JobState.CANCELLED, "expired"),
        Transition(JobState.WAITING, JobState.CANCELLED, "expired"),
        Transition(JobState.ACTIVE, JobState.WAITING, "limited"),
        Transition(JobState.ACTIVE, JobState.BLOCKED, "blocked"),
        Transition(JobState.ACTIVE, JobState.WAITING, "blocked"),
        Transition(JobState.ACTIVE, JobState.FAILED, "dependency failed"),
        Transition(JobState.FAILED, JobState.BLOCKED, "revived"),
        Transition(JobState.DELAYED, JobState.WAITING, "promoted"),
        Transition(JobState.DELAYED, JobState.CANCELLED, "cancelled"),
        Transition(JobState.WAITING, JobState.ACTIVE, "claimed"),
        Transition(JobState.WAITING, JobState.CANCELLED, "cancelled"),
        Transition(JobState.ACTIVE, JobState.COMPLETED, "completed"),
        Transition(JobState.ACTIVE, JobState.FAILED, "failed"),
        Transition(JobState.ACTIVE, JobState.CANCELLED, "cancelled"),
        Transition(JobState.ACTIVE, JobState.DELAYED, "retried"),
        Transition(JobState.ACTIVE, JobState.DELAYED, "snoozed"),
        Transition(JobState.ACTIVE, JobState.WAITING, "retried"),
        Transition(JobState.ACTIVE, JobState.WAITING, "snoozed"),
        Transition(JobState.ACTIVE, JobState.WAITING, "interrupted"),
        Transition(JobState.ACTIVE, JobState.WAITING, "lost"),
        Transition(JobState.ACTIVE, JobState.FAILED, "lost"),
        Transition(JobState.ACTIVE, JobState.WAITING, "parked"),
        Transition(JobState.FAILED, JobState.WAITING, "revived"),
        Transition(JobState.CANCELLED, JobState.WAITING, "revived"),
    }
)
"""Every step a job can take. Removal, possible in every state but active, is not a state and not listed."""


# What most jobs have, and no more: read on a shorter way.
_PLAIN = frozenset({"at", "task", "args"})

# How a specification begins that the server has stored: what it has put in front, and the task.
_HEAD = re.compile(
    rb'\A\{(?:"at":(\d{1,15}),(?:"due":(?:(\d{1,15})|null),)?)?\s*(?:"task":"([A-Za-z0-9_.:-]{1,128})")?', re.ASCII
)
_DUE = re.compile(rb'\A\{"at":\d+,"due":')

# The framing of a record, as ``lib/record.lua`` writes it.
_RECORD = re.compile(rb'\A\["([a-z]+)",(null|\d{1,15}),(\d{1,15}),"([^"\\]*)",(\d{1,20}),')

# What most texts look like. If the last group is JSON, it is the arguments, and there is nothing else.
_PLAIN_TEXT = re.compile(
    rb'\A\{"at":(\d{1,15}),"task":"([A-Za-z0-9_.:-]{1,128})","args":(\{.*\})\}\Z', re.ASCII | re.DOTALL
)
NO_META: Mapping[str, Any] = MappingProxyType({})
"""The ``meta`` of a job that was given none."""

LAST_MOMENT = 253_402_300_800_000
"""Where the dates of Python end, in milliseconds since 1970."""


class Specification(NamedTuple):
    """What was asked for when the job was enqueued. It never changes.

    Attributes:
        task: the name of the task.
        args: the arguments by parameter name, as JSON values.
        timeout: seconds the job may run, where it differs from the task's.
        retry: the retry policy, where it differs from the task's (see ``Retry.to_wire``).
        result_ttl: seconds the completed job is kept, where it differs from the task's.
        meta: what middleware and hooks want to know, for instance a trace id.
        created_at: when it was enqueued, in milliseconds of the server's clock; None before it is.
        key: the key among whose jobs it takes its turn.
        version: the version of the task that the arguments are for.
        schedule: the schedule that started it.
        slot: the slot of the schedule, in milliseconds since 1970; None if it was started beside its slots.
        due: from when on it might have started, in milliseconds of the server's clock; None before it is enqueued,
            and if that was up to other jobs.
        replay_of: the id of the job that this one is a copy of.
    """

    task: str
    args: Mapping[str, Any]
    timeout: float | None = None
    retry: Mapping[str, Any] | None = None
    result_ttl: float | None = None
    meta: Mapping[str, Any] = NO_META
    created_at: int | None = None
    key: str | None = None
    version: int = 1
    schedule: str | None = None
    slot: int | None = None
    due: int | None = None
    replay_of: str | None = None

    @classmethod
    def head(cls, text: bytes) -> "Specification":
        """Return what can be told of a text without decoding it: its times and its task, where it has them."""
        match = _HEAD.match(text)
        if match is None:
            return cls("", {})
        at, due, task = match.groups()
        created = None if at is None else _possible(int(at))
        might = None if due is None else _possible(int(due))
        return cls(
            "" if task is None else task.decode(),
            {},
            created_at=created,
            due=might if _DUE.match(text) else created,
        )

    @staticmethod
    def plain(text: bytes) -> tuple[int, bytes, bytes] | None:
        """Return when it was enqueued, its task and its arguments, of a text without options; None if it may have some.

        If the arguments are no JSON, it has some after all.
        """
        match = _PLAIN_TEXT.match(text)
        if match is None:
            return None
        at, task, args = match.groups()
        if (created := int(at)) >= LAST_MOMENT or b',"meta":{' in args or b'"$gathered"' in args:
            return None
        return created, task, args

    @classmethod
    def parse(cls, text: bytes, limit: int = READ_LIMIT) -> "Specification":
        """Read the stored text.

        Args:
            text: the text.
            limit: bytes that it may have; a longer one is not decoded.

        Raises:
            ValueError: it is not a specification, or too long.
        """
        # Anybody may have written it, so all is checked that a worker would otherwise stumble over.
        members = read_json(text, "it", limit)
        if not isinstance(members, dict) or not isinstance(members.get("task"), str):
            raise ValueError("a specification is a JSON object with a member 'task'")
        args = members.get("args", {})
        if isinstance(args, str) and args.startswith("1."):
            raise ValueError("it is encrypted, and there is no key for it here")
        if isinstance(args, dict) and "$gathered" in args:
            raise ValueError("it has gathered sealed calls, and there is no key for them here")
        if not isinstance(args, dict):
            raise ValueError("the member 'args' of a specification is a JSON object of arguments by parameter name")
        at = _moment(members, "at")
        if members.keys() <= _PLAIN:
            return cls(check_name(members["task"], "task"), args, created_at=at, due=at)
        timeout = _duration(members, "timeout")
        if timeout == 0:
            raise ValueError("the member 'timeout' of a specification is more than 0 seconds")
        return cls(
            check_name(members["task"], "task"),
            args,
            timeout,
            _object(members, "retry"),
            _duration(members, "result_ttl"),
            _object(members, "meta") or {},
            at,
            None if members.get("key") is None else check_key(members["key"]),
            _version(members),
            None if members.get("schedule") is None else check_name(members["schedule"], "schedule"),
            _moment(members, "slot"),
            _moment(members, "due") if "due" in members else at,
            None if members.get("replay_of") is None else check_name(members["replay_of"], "job id"),
        )


def specification_text(
    task: str,
    args: bytes,
    *,
    timeout: float | None = None,
    retry: Mapping[str, Any] | None = None,
    result_ttl: float | None = None,
    meta: Mapping[str, Any] | None = None,
    key: str | None = None,
    version: int = 1,
) -> bytes:
    """Return the text of a specification, without the time: the server prepends it when the job is added.

    Args:
        task: the name of the task.
        args: the arguments, already a JSON object.
        timeout: as in ``Specification``, like the rest.
        retry: the same.
        result_ttl: the same.
        meta: the same.
        key: the same.
        version: the same.
    """
    # Concatenated rather than dumped whole: the arguments are JSON already, and most jobs have nothing else.
    text = b'{"task":"%b","args":%b' % (task.encode("ascii"), args)
    if version == 1 and timeout is None and retry is None and result_ttl is None and not meta and key is None:
        return text + b"}"
    newer = version if version > 1 else None
    extra = {
        "version": newer,
        "timeout": timeout,
        "retry": retry,
        "result_ttl": result_ttl,
        "meta": meta or None,
        "key": key,
    }
    present = {name: value for name, value in extra.items() if value is not None}
    return text + b"," + to_json(present)[1:]


def of_slot(text: bytes, schedule: str, slot: int | None) -> bytes:
    """Return the text of a specification as the job of a slot has it; see ``Specification``."""
    members = {"schedule": schedule} if slot is None else {"schedule": schedule, "slot": slot}
    return text[:-1] + b"," + to_json(members)[1:]


class Counts(NamedTuple):
    """How often a job was run without an end, by cause. Only failures are charged against the attempts."""

    failures: int = 0
    lost: int = 0
    interrupted: int = 0
    snoozed: int = 0
    limited: int = 0

    @classmethod
    def parse(cls, text: bytes) -> "Counts":
        """Read the numbers that head a job's bookkeeping; an empty text is a job without any."""
        if not text:
            return NO_COUNTS
        try:
            return cls(*map(int, text.split()))
        except (ValueError, TypeError):  # nothing of ours: a worker is to go on all the same
            return NO_COUNTS

    @property
    def attempt(self) -> int:
        """The number of the attempt that is being made or comes next, counted from 1."""
        return self.failures + 1


NO_COUNTS = Counts()
"""Those of a job that has not been run."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a job that is over, and how it ended.

    Attributes:
        outcome: how it ended.
        started_at: when it began; None for a job that was cancelled before it ever ran.
        finished_at: when it ended.
        worker: the id of the worker that ran it.
        token: its fencing token.
        result: the JSON text of the result, if it completed.
        error_type: the name of the exception's class, if it failed.
        message: the exception's message, why it was cancelled, what became of its worker, or why its result is refused.
        traceback: the exception's traceback as text, cut in the middle when it is long.
        fingerprint: what is the same for the same error, if the job failed; see ``jobqueue.fingerprint``. Empty if it
            was not written down.
        due_at: when the next attempt was to start, if it was to wait.
    """

    outcome: OutcomeKind
    started_at: datetime | None
    finished_at: datetime
    worker: str = ""
    token: int = 0
    result: bytes = b"null"
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    fingerprint: str = ""
    due_at: datetime | None = None

    @classmethod
    def read(cls, text: bytes) -> "Execution":
        """Read a stored record. One that cannot be read is that of a failure whose error says so: lists go on."""
        try:
            return cls.parse(text)
        except ValueError as error:
            why = f"the record of this execution cannot be read: {error}"
            return cls(OutcomeKind.FAILED, None, moment(0), error_type="UnreadableRecord", message=why)

    @classmethod
    def parse(cls, text: bytes) -> "Execution":
        """Read a stored record: ``[outcome, started, finished, worker, token, body, due]``; ``due`` may be missing.

        Raises:
            ValueError: it is no record, or too long for one. The result of a job is not looked at.
        """
        try:
            match = _RECORD.match(text)
            if match is not None and match[1] == b"completed" and text.endswith(b"]"):
                # Not decoded: it may be large, and most who read a record do not need the result.
                _, started, finished, worker, token = match.groups()
                begun = None if started == b"null" else _time(int(started))
                ended, name = _time(int(finished)), worker.decode()
                return cls(OutcomeKind.COMPLETED, begun, ended, name, int(token), text[match.end() : -1])
            return cls._decoded(text)
        except (TypeError, OverflowError) as error:
            raise ValueError(f"a record is a JSON array of an outcome, times and more: {error}") from None

    @classmethod
    def _decoded(cls, text: bytes) -> "Execution":
        outcome, started, finished, worker, token, body, *rest = read_json(text, "it", RECORD_LIMIT)
        kind = OutcomeKind(outcome)
        due = _time(rest[0]) if rest else None
        begun = _time(started) if started else None
        record = cls(kind, begun, _time(finished), text_of(worker), int(token), due_at=due)
        if kind is OutcomeKind.COMPLETED:
            return replace(record, result=to_json(body))
        if isinstance(body, dict):
            return replace(
                record,
                error_type=text_of(body.get("type")),
                message=text_of(body.get("message")),
                traceback=text_of(body.get("traceback")),
                fingerprint=text_of(body.get("fingerprint")),
            )
        return replace(record, message=text_of(body))


class Note(NamedTuple):
    """Something that has happened to a job and is in no record of an execution.

    Attributes:
        at: when.
        event: what, in a word.
        detail: more of it, in the words of ``lib/jot.lua``.
    """

    at: datetime
    event: str
    detail: str


@dataclass(frozen=True, slots=True)
class JobInfo:
    """Everything that is known of a job at one moment.

    Attributes:
        id: the id of the job.
        queue: the name of its queue.
        state: where it is in its life.
        task: the name of its task; empty if the specification cannot be read.
        args: the arguments as JSON values.
        created_at: when it was enqueued.
        counts: how often it was run without an end, by cause.
        history: the latest executions that did not end the job, the oldest first.
        run_at: when a delayed job is due.
        worker: the worker that holds it, or ran it last.
        started_at: when its current or last execution began.
        token: the fencing token of that execution.
        ending: the execution that ended it.
        cancelling: whether it has been asked to stop.
        parked: why it waits although it may run: no worker knows its task in this version, or can read its arguments.
        progress: what the job last said of its progress: a fraction, or any JSON value.
        meta: what was given as ``meta`` when it was enqueued.
        key: the key among whose jobs it takes its turn; None for none.
        priority: higher ones go first.
        expires_at: when it is dropped if it has not started.
        dedup: the deduplication that it takes part in, as mode and key; empty for none.
        waiting_for: how many jobs it waits for.
        version: the version of its task that the arguments are for.
        specification: the stored text.
        schedule: the schedule that started it; None for none.
        slot: the slot of that schedule; None if it was started beside its slots.
        due_at: when it was to start, if it was delayed when it was enqueued.
        replay_of: the id of the job that it is a copy of; None for none.
        notes: what has happened to it besides executions, the latest 40; see ``timeline``.
        notes_dropped: how many there were before those.
        encrypted: whether its arguments are encrypted, or gathered from sealed calls, and there is no key here.
        unread: why ``args``, ``meta``, ``key``, ``version``, ``schedule``, ``slot`` and ``replay_of`` are not those of
            the job: it is longer than is decoded (in a list, 4 MiB), encrypted, or cannot be read. Empty if they are.
    """

    id: str
    queue: str
    state: JobState
    task: str
    args: Mapping[str, Any]
    created_at: datetime | None
    counts: Counts
    history: tuple[Execution, ...]
    run_at: datetime | None
    worker: str
    started_at: datetime | None
    token: int
    ending: Execution | None
    cancelling: bool
    parked: str
    progress: Any
    meta: Mapping[str, Any]
    key: str | None
    priority: int
    expires_at: datetime | None
    dedup: str
    waiting_for: int
    version: int
    specification: bytes = field(repr=False)
    schedule: str | None = None
    slot: datetime | None = None
    due_at: datetime | None = None
    replay_of: str | None = None
    notes: tuple[Note, ...] = ()
    notes_dropped: int = 0
    encrypted: bool = False
    unread: str = ""

    @property
    def replays(self) -> tuple[str, ...]:
        """The ids of its latest copies; see ``JobHandle.replay``."""
        return tuple(note.detail for note in self.notes if note.event == "replayed")


def moment(milliseconds: int) -> datetime:
    """Return a time of the server's clock, given in milliseconds since 1970, with its zone."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _time(milliseconds: Any) -> datetime:
    if isinstance(milliseconds, int | float) and 0 <= milliseconds < LAST_MOMENT:
        return moment(milliseconds)  # type: ignore[arg-type]  # a fraction does no harm
    raise ValueError("a time is out of range")


def _possible(milliseconds: int) -> int | None:
    return milliseconds if milliseconds < LAST_MOMENT else None


def _duration(members: Mapping[str, Any], name: str) -> float | None:
    value = members.get(name)
    return None if value is None else seconds(value, f"the member {name!r} of a specification")


def _object(members: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = members.get(name)
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"the member {name!r} of a specification is a JSON object")
    return value


def _version(members: Mapping[str, Any]) -> int:
    value = members.get("version")
    if value is None:
        return 1
    if not is_version(value):
        raise ValueError("the member 'version' of a specification is a whole number from 1")
    version: int = value
    return version


def _moment(members: Mapping[str, Any], name: str) -> int | None:
    value = members.get(name)
    if value is not None and not (type(value) is int and 0 <= value < LAST_MOMENT):
        raise ValueError(f"the member {name!r} of a specification is a time in milliseconds since 1970")
    return value
