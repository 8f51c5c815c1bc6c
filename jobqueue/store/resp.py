"""The protocol of Redis, as hiredis writes and reads it: for what talks to the server past redis-py."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.connection import BaseParser  # type: ignore[attr-defined]  # where redis-py itself has it from
from redis.exceptions import InvalidResponse

from jobqueue.store.call import Argument

try:
    import hiredis
except ImportError:
    hiredis = None  # type: ignore[assignment]  # an option: without it, redis-py does it all

Commands = Sequence[Sequence[Argument]]


def is_spoken() -> bool:
    """Return whether hiredis is installed."""
    return hiredis is not None


def new_parser() -> Any:
    """Return what makes values of bytes that arrive; errors of the server are those of redis-py."""
    return hiredis.Reader(protocolError=InvalidResponse, replyError=BaseParser.parse_error)


def packed(commands: Commands) -> bytes:
    """Return commands as they travel."""
    return _packed(commands[0]) if len(commands) == 1 else b"".join([_packed(words) for words in commands])


def read_replies(readers: Mapping[Any, Callable[..., Any]], commands: Commands, replies: Sequence[Any]) -> list[Any]:
    """Return replies as redis-py does, by the first word of each command; errors of the server as they are."""
    return [
        reply if isinstance(reply, Exception) or (reader := readers.get(words[0])) is None else reader(reply)
        for words, reply in zip(commands, replies, strict=True)
    ]


def _packed(words: Sequence[Argument]) -> bytes:
    pack: Callable[[Any], bytes] = hiredis.pack_command
    try:
        return pack(tuple(words))
    except UnicodeEncodeError:  # an id that is no text goes back as it came
        return pack(tuple(each.encode("utf-8", "surrogateescape") if isinstance(each, str) else each for each in words))
