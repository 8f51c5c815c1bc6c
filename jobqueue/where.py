"""Conditions on jobs, as they are typed: ``task=send_mail and error~Timeout and failed_at>-2h``.

    condition   = both { "or" both }
    both        = part { "and" part }
    part        = "not" part | "(" condition ")" | comparison
    comparison  = field operator value
    operator    = "=" | "!=" | "~" | ">" | ">=" | "<" | "<="
    value       = 'quoted' | "quoted" | characters up to white space or a parenthesis

The fields are those of ``FIELDS``, and ``args.NAME`` and ``meta.NAME``, where a dot leads into an object. ``~`` means
"contains", whatever the case. Times are ``-2h`` (from now), ``2026-11-21``, or ``2026-11-21T08:00:00Z``; without a zone
they are in UTC. Nothing is evaluated: a condition can only compare.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn

from pydantic_core import to_json

from jobqueue.durations import parse_duration
from jobqueue.errors import InvalidOption, suggestion
from jobqueue.fingerprint import UNKNOWN
from jobqueue.job import JobInfo, JobState

Kind = Literal["text", "number", "time", "state", "json"]

LONGEST = 4000
"""Characters that a condition may have."""

DEEPEST = 50
"""How deep parentheses and ``not`` may be nested."""

FIELDS: Mapping[str, Kind] = {
    "id": "text",
    "task": "text",
    "queue": "text",
    "state": "state",
    "key": "text",
    "error": "text",
    "fingerprint": "text",
    "worker": "text",
    "attempts": "number",
    "priority": "number",
    "version": "number",
    "created_at": "time",
    "failed_at": "time",
    "ended_at": "time",
}

STATES = (*(state.value for state in JobState), "parked")

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[A-Za-z_][\w.:-]*", re.ASCII)
_OPERATOR = re.compile(r"!=|>=|<=|==|=|~|>|<")
_BARE = re.compile(r"[^\s()'\"][^\s()]*")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)

_OPERATORS: Mapping[Kind, tuple[str, ...]] = {
    "text": ("=", "!=", "~"),
    "state": ("=", "!="),
    "number": ("=", "!=", ">", ">=", "<", "<="),
    "time": (">", ">=", "<", "<=", "=", "!="),
    "json": ("=", "!=", "~", ">", ">=", "<", "<="),
}


@dataclass(frozen=True, slots=True)
class Ago:
    """A time that is given by how far it is from now: seconds, less than 0 for the past."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field, an operator and a value: text, a number, a time or ``Ago``."""

    field: str
    operator: str
    value: str | float | datetime | Ago


@dataclass(frozen=True, slots=True)
class Not:
    """What holds if its part does not."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """What holds if all parts do."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """What holds if one part does."""

    parts: tuple["Node", ...]


Node = Comparison | Not | And | Or


@dataclass(frozen=True, slots=True)
class Where:
    """A condition that has been read.

    Attributes:
        text: what was typed.
        root: what it means; None holds for every job.
    """

    text: str
    root: Node | None

    def matches(self, job: JobInfo, now: datetime) -> bool:
        """Tell whether a job meets the condition; one of which that cannot be told does not.

        Args:
            job: the job.
            now: the time that relative times count from.
        """
        return self.root is None or _holds(self.root, job, now) is True

    @property
    def looks_inside(self) -> bool:
        """Whether it depends on what is known only of a job that was read: its arguments, for instance."""
        return self.root is not None and _looks_inside(self.root)

    def only(self, field: str) -> frozenset[str] | None:
        """Return the values that a field must have one of, or None if it is not bound to some.

        Jobs with another value need not be looked at; those with one of these are still to be checked.
        """
        return None if self.root is None else _only(self.root, field)

    def needs(self, *fields: str) -> bool:
        """Tell whether only a job can meet the condition that has a value in one of some fields."""
        return self.root is not None and _needs(self.root, fields)

    def between(self, field: str, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return the times between which a field must be, each None where there is no bound; see ``only``."""
        return (None, None) if self.root is None else _between(self.root, field, now)


EVERY = Where("", None)
"""The condition that every job meets."""


def parse(text: str) -> Where:
    """Read a condition; an empty text is one that every job meets.

    Raises:
        InvalidOption: it cannot be understood. The message says where.
    """
    if not text.strip():
        return EVERY
    return Where(text, _Parser(text).parse())


class _Parser:
    """Reads a condition from left to right: one method for each rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        if len(self._text) > LONGEST:
            raise InvalidOption(f"a condition has at most {LONGEST:,} characters, not {len(self._text):,}")
        node = self._condition()
        if self._at < len(self._text):
            rest = self._text[self._at]
            self._refuse("there is no '(' for this ')'" if rest == ")" else "expected 'and' or 'or'")
        return node

    def _condition(self) -> Node:
        parts = [self._both()]
        while self._keyword("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _both(self) -> Node:
        parts = [self._part()]
        while self._keyword("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _part(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            self._refuse(f"nested more than {DEEPEST} deep")
        try:
            self._skip()
            if self._keyword("not"):
                return Not(self._part())
            if self._text.startswith("(", self._at):
                start = self._at
                self._at += 1
                node = self._condition()
                if not self._text.startswith(")", self._at):
                    if self._at < len(self._text):
                        self._refuse("expected 'and', 'or' or ')'")
                    self._refuse("there is no ')' for this '('", start)
                self._at += 1
                self._skip()
                return node
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> Comparison:
        start = self._at
        word = _WORD.match(self._text, self._at)
        if word is None:
            self._refuse("expected a field, such as task, error or failed_at")
        field = word[0]
        kind = _kind(field)
        if kind is None:
            known = suggestion(field, FIELDS) or f". The fields are {', '.join(FIELDS)}, args.NAME and meta.NAME"
            self._refuse(f"there is no field {field!r}{known}", start)
        self._at = word.end()
        self._skip()
        start = self._at
        found = _OPERATOR.match(self._text, self._at)
        if found is None:
            self._refuse(f"expected one of {' '.join(_OPERATORS[kind])} after {field!r}")
        operator = "=" if found[0] == "==" else found[0]
        if operator not in _OPERATORS[kind]:
            self._refuse(f"{field!r} is compared by {' '.join(_OPERATORS[kind])}, not by {operator}", start)
        self._at = found.end()
        self._skip()
        start = self._at
        value = self._read(kind, self._value(field, operator), start)
        self._skip()
        return Comparison(field, operator, value)

    def _value(self, field: str, operator: str) -> str:
        if found := _QUOTED.match(self._text, self._at):
            self._at = found.end()
            inner = found[1] if found[1] is not None else found[2]
            return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)
        if self._text[self._at : self._at + 1] in ("'", '"'):
            self._refuse("this quotation mark is not closed")
        found = _BARE.match(self._text, self._at)
        if found is None:
            self._refuse(f"expected a value after '{field}{operator}'")
        self._at = found.end()
        return found[0]

    def _read(self, kind: Kind, text: str, start: int) -> str | float | datetime | Ago:
        if kind == "number":
            try:
                return float(text)
            except ValueError:
                self._refuse(f"{text!r} is not a number", start)
        if kind == "time":
            return self._time(text, start)
        if kind == "state":
            if text.lower() not in STATES:
                known = suggestion(text, STATES) or f". The states are {', '.join(STATES)}"
                self._refuse(f"there is no state {text!r}{known}", start)
            return text.lower()
        return text

    def _time(self, text: str, start: int) -> datetime | Ago:
        try:
            if text == "now":
                return Ago(0.0)
            if text[:1] in ("-", "+"):
                return Ago(parse_duration(text[1:]) * (-1 if text[0] == "-" else 1))
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            self._refuse(f"{text!r} is not a time: write -2h, 2026-11-21 or 2026-11-21T08:00:00Z", start)

    def _keyword(self, name: str) -> bool:
        word = _WORD.match(self._text, self._at)
        if word is None or word[0].lower() != name:
            return False
        self._at = word.end()
        self._skip()
        return True

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()

    def _refuse(self, what: str, at: int | None = None) -> NoReturn:
        place = self._at if at is None else at
        near = self._text[place : place + 20].split("\n")[0]
        where = f"at character {place + 1}, {near!r}" if near else "at its end"
        raise InvalidOption(f"condition {self._text!r}: {where}: {what}")


def _kind(field: str) -> Kind | None:
    if field.startswith(("args.", "meta.")) and not field.endswith("."):
        return "json"
    return FIELDS.get(field)


def _looks_inside(node: Node) -> bool:
    match node:
        case And(parts) | Or(parts):
            return any(map(_looks_inside, parts))
        case Not(part):
            return _looks_inside(part)
        case Comparison(field):
            return _is_inside(field)


def _is_inside(field: str) -> bool:
    return field in ("key", "version") or _kind(field) == "json"


def _holds(node: Node, job: JobInfo, now: datetime) -> bool | None:
    """Tell whether a condition holds; None if the job could not be read, and it depends on what stands there."""
    match node:
        case And(parts):
            held = [_holds(part, job, now) for part in parts]
            return False if False in held else None if None in held else True
        case Or(parts):
            held = [_holds(part, job, now) for part in parts]
            return True if True in held else None if None in held else False
        case Not(part):
            inner = _holds(part, job, now)
            return None if inner is None else not inner
        case Comparison(field, operator, value):
            if job.unread and _is_inside(field):
                return None
            found = _value_of(job, field)
            if isinstance(value, Ago):
                value = _moment(value, now)
            if _kind(field) == "json":
                return _compare_json(found, operator, str(value))
            return _compare(found, operator, value)


def _moment(value: datetime | Ago, now: datetime) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return now + timedelta(seconds=value.seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if value.seconds > 0 else datetime.min.replace(tzinfo=UTC)


def error_of(job: JobInfo) -> str:
    """Return the error that a job failed with, as one text; empty if it did not fail."""
    if job.ending is None or job.state is not JobState.FAILED:
        return ""
    return f"{job.ending.error_type}: {job.ending.message}"


def fingerprint_of_job(job: JobInfo) -> str:
    """Return the fingerprint of the error that a job failed with, as its record has it; empty if it did not fail."""
    if job.ending is None or job.state is not JobState.FAILED:
        return ""
    return job.ending.fingerprint or UNKNOWN


_GETTERS: Mapping[str, Callable[[JobInfo], Any]] = {
    "id": lambda job: job.id,
    "task": lambda job: job.task,
    "queue": lambda job: job.queue,
    "state": lambda job: "parked" if job.parked else job.state.value,
    "key": lambda job: job.key or "",
    "error": error_of,
    "fingerprint": fingerprint_of_job,
    "worker": lambda job: job.worker,
    "attempts": lambda job: job.counts.failures,
    "priority": lambda job: job.priority,
    "version": lambda job: job.version,
    "created_at": lambda job: job.created_at,
    "failed_at": lambda job: job.ending.finished_at if job.ending and job.state is JobState.FAILED else None,
    "ended_at": lambda job: job.ending.finished_at if job.ending else None,
}


def _value_of(job: JobInfo, field: str) -> Any:
    if getter := _GETTERS.get(field):
        return getter(job)
    found: Any = job.args if field.startswith("args.") else job.meta
    path = field.partition(".")[2]
    if isinstance(found, Mapping) and path in found:
        return found[path]
    for name in path.split("."):
        if not isinstance(found, Mapping) or name not in found:
            return None
        found = found[name]
    return found


def _compare(found: Any, operator: str, value: Any) -> bool:
    if found is None:
        return operator == "!="
    match operator:
        case "=":
            return bool(found == value)
        case "!=":
            return bool(found != value)
        case "~":
            return str(value).casefold() in str(found).casefold()
        case ">":
            return bool(found > value)
        case ">=":
            return bool(found >= value)
        case "<":
            return bool(found < value)
    return bool(found <= value)


def _compare_json(found: Any, operator: str, text: str) -> bool:
    """Compare a JSON value with what was typed: as a number where it is one, else as text."""
    if isinstance(found, int | float) and not isinstance(found, bool) and operator != "~":
        try:
            return _compare(found, operator, int(text) if isinstance(found, int) and _is_whole(text) else float(text))
        except ValueError:
            return operator == "!="
    if found is None or isinstance(found, str):
        return _compare(found, operator, text)
    return _compare(to_json(found).decode(), operator, text)


def _is_whole(text: str) -> bool:
    # As long as any number in JSON is likely to be; Python refuses to read very long ones.
    return len(text) < 100 and re.fullmatch(r"-?\d+", text, re.ASCII) is not None


def _only(node: Node, field: str) -> frozenset[str] | None:
    match node:
        case Comparison(field=name, operator="=", value=str(value)) if name == field:
            return frozenset({value})
        case And(parts):
            found = [values for part in parts if (values := _only(part, field)) is not None]
            return frozenset.intersection(*found) if found else None
        case Or(parts):
            each = [_only(part, field) for part in parts]
            bound = [values for values in each if values is not None]
            return frozenset.union(*bound) if len(bound) == len(each) else None
    return None


def _needs(node: Node, fields: tuple[str, ...]) -> bool:
    match node:
        case Comparison(field, operator, value):
            return field in fields and operator != "!=" and value != ""
        case And(parts):
            return any(_needs(part, fields) for part in parts)
        case Or(parts):
            return all(_needs(part, fields) for part in parts)
    return False


def _between(node: Node, field: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    match node:
        case Comparison(field=name, operator=operator, value=datetime() | Ago() as value) if name == field:
            moment = _moment(value, now)
            low = moment if operator in ("=", ">", ">=") else None
            return low, moment if operator in ("=", "<", "<=") else None
        case And(parts):
            each = [_between(part, field, now) for part in parts]
            lows = [low for low, _ in each if low is not None]
            highs = [high for _, high in each if high is not None]
            return max(lows, default=None), min(highs, default=None)
        case Or(parts):
            each = [_between(part, field, now) for part in parts]
            lows = [low for low, _ in each if low is not None]
            highs = [high for _, high in each if high is not None]
            return (
                min(lows) if len(lows) == len(each) else None,
                max(highs) if len(highs) == len(each) else None,
            )
    return None, None
