"""What a worker and the processes of its jobs say to each other: a line of JSON each, over a socket.

From the worker: the application, then one job after another. From the process: that it is ready, what a job says of its
progress, how it ended.
"""

from dataclasses import fields
from typing import Any

from pydantic_core import from_json, to_json

from jobqueue.job import Counts, OutcomeKind
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Outcome,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.store.claims import Claimed

LINE_LIMIT = 1 << 30
"""Bytes of a line: more than the largest payload an application can allow."""

_CLASSES: dict[OutcomeKind, type[Outcome]] = {
    kind.kind: kind
    for kind in (Blocked, Cancelled, Completed, Failed, Interrupted, Limited, Lost, Parked, Retried, Snoozed)
}


def pack_job(queue: str, claimed: Claimed, now: int) -> bytes:
    """Return the line that starts a job."""
    return _line(
        {
            "queue": queue,
            "id": claimed.id,
            "token": claimed.token,
            "specification": claimed.specification.decode(),
            "counts": list(claimed.counts),
            "now": now,
        }
    )


def unpack_job(line: bytes) -> tuple[str, Claimed, int]:
    """Read the line that starts a job."""
    job = from_json(line)
    claimed = Claimed(job["id"], job["token"], job["specification"].encode(), Counts(*job["counts"]))
    return job["queue"], claimed, job["now"]


def pack_speech(progress: bytes, lines: list[str]) -> bytes:
    """Return the line that tells what a job says of its progress."""
    return _line({"progress": progress.decode(), "lines": lines})


def pack_outcome(outcome: Outcome) -> bytes:
    """Return the line that ends a job."""
    members: dict[str, Any] = {field.name: getattr(outcome, field.name) for field in fields(outcome)}
    return _line({"kind": outcome.kind.value, **members})


def unpack(line: bytes) -> tuple[bytes, list[str]] | Outcome:
    """Read a line of a job: what it says, or how it ended."""
    message = from_json(line)
    if "lines" in message:
        return message["progress"].encode(), message["lines"]
    kind = OutcomeKind(message.pop("kind"))
    if "error" in message:
        message["error"] = ErrorText(**message["error"])
    if "result" in message:
        message["result"] = message["result"].encode()
    return _CLASSES[kind](**message)


def _line(message: dict[str, Any]) -> bytes:
    return to_json(message) + b"\n"
