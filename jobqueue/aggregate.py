"""Aggregation: several calls of a task become one job that has gathered the items of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from pydantic_core import from_json, to_json

from jobqueue.dedup import digest
from jobqueue.durations import seconds
from jobqueue.errors import InvalidArguments, InvalidOption
from jobqueue.steering import Gathering


@dataclass(frozen=True, slots=True, init=False)
class Aggregate:
    """Which parameter gathers, and when the job that has gathered starts: at the first of three occasions.

    Calls whose other arguments are the same go into one job. If a call would make it longer than ``max_payload``, it
    starts at once, and the call begins another one.

    Args:
        items: the name of the parameter whose lists are joined.
        size: how many items make it start at once, from 1 to 10,000.
        quiet: seconds (or a ``timedelta``) without another call.
        max_delay: seconds since the first call.

    Raises:
        InvalidOption: a value cannot work.
    """

    items: str
    size: int
    quiet: float
    max_delay: float

    def __init__(
        self, items: str, *, size: int = 100, quiet: float | timedelta = 1.0, max_delay: float | timedelta = 60.0
    ) -> None:
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 10_000:
            raise InvalidOption(f"size= of Aggregate must be between 1 and 10,000, not {size!r}")
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "size", size)
        object.__setattr__(self, "quiet", seconds(quiet, "quiet= of Aggregate"))
        object.__setattr__(self, "max_delay", seconds(max_delay, "max_delay= of Aggregate"))
        if not 0 < self.quiet <= self.max_delay:
            raise InvalidOption(
                f"Aggregate(quiet={self.quiet:g}, max_delay={self.max_delay:g}): quiet is more than 0, and no longer"
                " than max_delay"
            )

    def arrange(self, task: str, args: bytes) -> "Arranged":
        """Return arguments with the items at their end.

        Args:
            task: the name of the task.
            args: the arguments, a JSON object.

        Raises:
            InvalidArguments: there are no items.
        """
        arguments: Mapping[str, object] = from_json(args)
        found = arguments.get(self.items)
        if not isinstance(found, list) or not found:
            raise InvalidArguments(f"{task}(): {self.items} gathers items, so it must be a list of at least one")
        others = {name: value for name, value in arguments.items() if name != self.items}
        items, head = to_json(found)[1:-1], to_json(others)[:-1]
        text = b"%b%b%b:[%b]}" % (head, b"," if others else b"", to_json(self.items), items)
        return Arranged(text, len(items), len(found), f"{task}:{digest(others)}")

    def gathering(self, arranged: "Arranged", specification: bytes) -> Gathering:
        """Return how a job gathers: where its items lie in the specification that has these arguments."""
        behind = len(specification) - specification.index(arranged.args) - len(arranged.args) + len(b"]}")
        return Gathering(self.size, self.max_delay, behind + arranged.length, behind, arranged.number)


class Arranged(NamedTuple):
    """Arguments with the items at their end.

    Attributes:
        args: the arguments, a JSON object.
        length: bytes of the items, without the brackets around them.
        number: how many items there are.
        shared_key: the key that calls share which go into one job.
    """

    args: bytes
    length: int
    number: int
    shared_key: str
