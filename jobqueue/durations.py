"""Lengths of time, as people write them, turned into seconds."""

import math
import re
from datetime import timedelta

from jobqueue.errors import InvalidOption

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")

# Characters of a duration.
_MOST = 100

# About 300 years: beyond it a date cannot be computed, and nobody means it.
LONGEST = 1e10


def seconds(value: float | timedelta, what: str) -> float:
    """Return a duration in seconds.

    Args:
        value: a number of seconds, or a ``timedelta``.
        what: how the error names the value, for instance ``"delay"``.

    Raises:
        InvalidOption: the value is negative, not finite, too large or of another type.
    """
    if isinstance(value, timedelta):
        number = value.total_seconds()
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    else:
        raise InvalidOption(f"{what} must be a number of seconds or a timedelta, not {value!r}")
    if not math.isfinite(number) or not 0 <= number <= LONGEST:
        raise InvalidOption(f"{what} must be between 0 and {LONGEST:g} seconds, not {value!r}")
    return number


def parse_duration(text: str) -> float:
    """Return the seconds of a duration as typed at a prompt: ``90``, ``90s``, ``5m``, ``1h30m``, ``250ms``.

    Raises:
        InvalidOption: the text is not a duration.
    """
    stripped = text.strip().lower()
    if len(stripped) > _MOST:
        # What is searched for below takes time that goes with the square.
        raise InvalidOption(f"{text[:20]!r}... is not a duration: it has {len(text):,} characters")
    try:
        return seconds(float(stripped), f"the duration {text!r}")
    except ValueError:
        pass
    parts = _PART.findall(stripped)
    if not parts or "".join(number + unit for number, unit in parts) != stripped:
        raise InvalidOption(f"{text!r} is not a duration: write 90s, 5m, 2h, 1h30m or a number of seconds")
    return seconds(sum(float(number) * _UNITS[unit] for number, unit in parts), f"the duration {text!r}")


def format_duration(value: float) -> str:
    """Return a duration for people, in its two largest units: ``1h 30m``, ``2.5s``, ``40ms``."""
    # Compared as it will be shown, so that nothing is called 1000ms or 60s.
    if round(value * 1000) < 1000:
        return f"{value * 1000:.0f}ms"
    if round(value, 1) < 60:
        return f"{value:.1f}s".replace(".0s", "s")
    rest = round(value)
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_UNITS[unit]))
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
