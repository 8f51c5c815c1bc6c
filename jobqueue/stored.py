"""Reads JSON that lies in the server, where anybody may have written it: of bounded size, and never with a crash.

The parser refuses what is nested deeper than 200 levels, numbers of more than 4,300 digits, and text that is not UTF-8,
all of them where it meets them. What it does not bound is the size: a text of some megabytes can become a hundred times
as large in memory.
"""

from typing import Any

RECORD_LIMIT = 1024 * 1024
"""Bytes of what is small by itself: progress, errors, a line of a log, what a worker says of itself."""

READ_LIMIT = 16 * 1024 * 1024
"""Bytes of a specification or a result that are decoded at least, however small ``max_payload`` is."""

SHOWN_LIMIT = 4 * 1024 * 1024
"""Bytes of a specification that are decoded where many jobs are listed."""


class TooLong(ValueError):
    """A text has more bytes than are decoded.

    Attributes:
        size: how many it has.
    """

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what} is {size:,} bytes long, and not more than {limit:,} are read")
        self.size = size


def read_json(text: bytes, what: str, limit: int = RECORD_LIMIT) -> Any:
    """Return the value that a text has.

    Args:
        text: the text.
        what: what it is, for the error.
        limit: bytes that it may have; a longer one is not looked at.

    Raises:
        TooLong: it is too long.
        ValueError: it is no JSON.
    """
    # Here, for the sake of a supervisor: it has its settings checked, which need the limits, and reads nothing.
    from pydantic_core import from_json

    check_size(text, what, limit)
    return from_json(text)


def check_size(text: bytes, what: str, limit: int) -> None:
    """Refuse what is too long to be decoded.

    Raises:
        TooLong: it is.
    """
    if len(text) > limit:
        raise TooLong(what, len(text), limit)


def read_object(text: bytes) -> dict[str, Any]:
    """Return the members of a small JSON object; none if the text is none."""
    try:
        found = read_json(text, "it")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a JSON array; none if the value is none."""
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def number(value: Any) -> int:
    """Return a whole number, or 0 for anything else."""
    return value if type(value) is int else 0


def text_of(value: Any) -> str:
    """Return a text, or an empty one for anything else."""
    return value if isinstance(value, str) else ""
