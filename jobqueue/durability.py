"""How safe a job is to be when ``enqueue`` returns."""

from typing import Any, Literal, get_args

from jobqueue.errors import InvalidOption, suggestion

Durability = Literal["memory", "replica", "fsync"]
"""In the memory of the server; in that of a replica too; or on the server's disk."""

LONGEST_WAIT = 8.0
"""Seconds for which a confirmation is waited for at most: a connection waits no longer than ten for a reply."""


def checked_durability(value: Any) -> Durability:
    """Return a durability, if it is one.

    Raises:
        InvalidOption: it is none.
    """
    known: tuple[Durability, ...] = get_args(Durability)
    for durability in known:
        if value == durability:
            return durability
    hint = suggestion(value, known) if isinstance(value, str) else ""
    raise InvalidOption(f"durability must be one of {', '.join(known)}, not {value!r}{hint}")
