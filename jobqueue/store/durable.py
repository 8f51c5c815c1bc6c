"""Waiting until what was written is in a replica, or on the server's disk."""

from typing import Any

from jobqueue.durability import Durability
from jobqueue.durations import format_duration
from jobqueue.store.call import Call, run_command


def mark(prefix: str) -> Call[int]:
    """Write something, without a trace.

    WAIT and WAITAOF wait for the last write of their own connection. An enqueue that is sent again, because the reply
    was lost with the connection, writes nothing: the job is there. After this write they cover all that the server
    wrote before, whoever wrote it.
    """
    return run_command("PUBLISH", f"{prefix}:durable", "", read=int, repeatable=True)


def confirm(durability: Durability, timeout: float) -> Call[str]:
    """Wait until all that was written before is safe; the reply is why it is not known to be, empty if it is.

    Args:
        durability: how safe.
        timeout: seconds to wait at most.
    """
    milliseconds = max(1, round(timeout * 1000))
    within = format_duration(timeout)
    if durability == "replica":
        late = f"no replica has confirmed it within {within}"
        words: tuple[str | int, ...] = ("WAIT", 1, milliseconds)
    else:
        late = f"the server has not written it to its disk within {within} (it never does with appendfsync no)"
        words = ("WAITAOF", 1, 0, milliseconds)

    def read(reply: Any) -> str:
        if isinstance(reply, Exception):
            return f"the server has refused to wait: {reply}"
        return "" if (reply if durability == "replica" else reply[0]) else late

    return run_command(*words, read=read, repeatable=True)


def try_out(durability: Durability) -> Call[str]:
    """Ask whether the server would wait at all; the reply is why it would not, empty if it would."""
    words = ("WAIT", 0, 1) if durability == "replica" else ("WAITAOF", 1, 0, 1)
    return run_command(*words, read=lambda reply: str(reply) if isinstance(reply, Exception) else "", repeatable=True)


def why_refused(durability: Durability, answer: str) -> str:
    """Return what to do about a server that would not wait.

    Args:
        durability: what was asked for.
        answer: what the server says.
    """
    if "appendonly" in answer:
        return "it keeps no file of commands (appendonly no). CONFIG SET appendonly yes, and set it in redis.conf"
    if "unknown command" in answer.lower():
        return (
            "it has no WAITAOF: that takes Redis 7.2 or later, or Valkey. On any server, with `appendonly yes` and"
            ' `appendfsync always` every write is on the disk before it is answered: then durability="memory" is enough'
        )
    return f"it says {answer}"
