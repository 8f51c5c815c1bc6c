"""Waiting until what was written is in a replica, or on the server's disk."""

from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from jobqueue.durability import Durability
from jobqueue.durations import format_duration
from jobqueue.errors import ServerError, ServerUnavailable
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.health import setting
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script


def mark(keys: QueueKeys) -> Call[int]:
    """Write something, without a trace.

    WAIT and WAITAOF wait for the last write of their own connection. An enqueue that is sent again, because the reply
    was lost with the connection, writes nothing: the job is there. After this write they cover all that the server
    wrote before, whoever wrote it. A message would not do: where there is no replica, it is no write.

    Args:
        keys: a queue that may be written to.
    """
    return run_script(script("mark"), keys, (), int)


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


def questions(durability: Durability) -> list[Call[Any]]:
    """Return what is asked in the round trip that waits: whether what the server then says is worth anything.

    It may be another server than the one that was tried out, or have been told something else.

    Args:
        durability: how safe.
    """
    if durability == "replica":
        return []

    def read_how(reply: Any) -> str | None:
        return None if isinstance(reply, Exception) else how.read(reply)

    how = setting("appendfsync")
    info = run_command("INFO", "server", read=_info, repeatable=True)
    return [replace(how, read=read_how, refusable=True), replace(info, refusable=True)]


def why_impossible(durability: Durability) -> Generator[list[Call[Any]], list[Any], str]:
    """Ask whether a server can be relied upon for a durability; return why not, or an empty text. It writes nothing."""
    words = ("WAIT", 0, 1) if durability == "replica" else ("WAITAOF", 1, 0, 1)
    [answer] = yield [run_command(*words, read=_refusal, repeatable=True)]
    if answer:
        return _advice(answer)
    if durability == "replica":
        return ""
    how: str | None = None
    try:
        [how] = yield [setting("appendfsync")]
    except ServerUnavailable:
        raise
    except ServerError:
        pass  # it may not be read; then it is taken to be what most have
    [info] = yield [run_command("INFO", "server", read=_info, repeatable=True)]
    return why_premature(info, how)


def why_premature(info: Mapping[str, Any], how: str | None) -> str:
    """Return why the answers of a server to WAITAOF say nothing of its disk; an empty text if they do.

    From Redis 7.4, and in Valkey, WAITAOF returns with ``appendfsync everysec`` before anything is synced, if there was
    a sync within the last second: https://github.com/redis/redis/pull/13793, of which Redis 8 has the repair.

    Args:
        info: what INFO says of the server.
        how: the setting ``appendfsync``; None if it could not be read.
    """
    if how == "always":
        return ""
    major = str(info.get("redis_version", "")).partition(".")[0]
    is_redis = str(info.get("server_name") or "redis") == "redis" and "valkey_version" not in info
    if how == "everysec" and is_redis and major.isdecimal() and int(major) >= 8:
        return ""
    if how == "no":
        return "it leaves it to the system when to write to its disk (appendfsync no). CONFIG SET appendfsync always"
    found = f"appendfsync is {how}" if how else "appendfsync could not be read"
    return (
        f"{found}, and with everysec servers other than Redis 8 say too early that the disk has it. CONFIG SET"
        " appendfsync always"
    )


def _info(reply: Any) -> Mapping[str, Any]:
    return reply if isinstance(reply, Mapping) else {}


def _refusal(reply: Any) -> str:
    return str(reply) if isinstance(reply, Exception) else ""


def _advice(answer: str) -> str:
    if "appendonly" in answer:
        return "it keeps no file of commands (appendonly no). CONFIG SET appendonly yes, and set it in redis.conf"
    if "unknown command" in answer.lower():
        return (
            "it has no WAITAOF: that takes Redis 7.2 or later, or Valkey. On any server, with `appendonly yes` and"
            ' `appendfsync always` every write is on the disk before it is answered: then durability="memory" is enough'
        )
    return f"it says {answer}"
