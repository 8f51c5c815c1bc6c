"""Keeps a log from being flooded by what is many, or comes again and again."""

import time
from collections.abc import Callable
from hashlib import blake2b
from typing import Literal

REMEMBERED = 10_000
"""How many things are remembered that were said already."""

A_MINUTE = 100
"""How many new things are said one by one in a minute."""


class Restraint:
    """Says each thing once, and no more than some in a minute.

    Args:
        clock: returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # By their digests: what is said may be long. The one that was last met longest ago is forgotten first.
        self._said: dict[bytes, None] = {}
        self._minute = 0.0
        self._in_minute = 0

    def of(self, *parts: str) -> Literal["say", "sum up", "be silent"]:
        """Tell what to do about a thing: say it; say once that there are more; or nothing.

        Args:
            parts: what makes the thing the same as another.
        """
        digest = blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).digest()
        known = digest in self._said
        self._said.pop(digest, None)
        self._said[digest] = None
        if len(self._said) > REMEMBERED:
            del self._said[next(iter(self._said))]
        if known:
            return "be silent"
        now = self._clock()
        if not self._in_minute or now - self._minute >= 60:
            self._minute, self._in_minute = now, 0
        self._in_minute += 1
        if self._in_minute <= A_MINUTE:
            return "say"
        return "sum up" if self._in_minute == A_MINUTE + 1 else "be silent"
