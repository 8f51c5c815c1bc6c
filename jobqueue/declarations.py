"""What an application tells its queues before their first jobs: their names, and the limits that its code declares."""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from jobqueue.limits import Limits
from jobqueue.names import check_key
from jobqueue.store import claims, rules
from jobqueue.store.call import Call
from jobqueue.store.keys import QueueKeys, registry
from jobqueue.task import Task

TELL_EVERY = 60.0
"""Seconds between two times that a producer tells a queue: somebody may have emptied the server meanwhile."""


class Declarations:
    """The limits that the code declares, and which queues have been told of them.

    Args:
        tasks: the tasks of the application, which may have limits too.
    """

    def __init__(self, tasks: Iterable[Task[..., Any]]) -> None:
        self._tasks = tasks
        self._limits: dict[str, Mapping[str, Limits]] = {}
        self._due: dict[str, float] = {}

    def declare(self, queue: str, limits: Limits, each_key: Limits, keys: Mapping[str, Limits]) -> None:
        """Set the limits of a queue, of each of its keys, and of some of them.

        Raises:
            InvalidOption: a limit makes no sense there.
            InvalidName: a key has characters that are not allowed.
        """
        found = {rules.QUEUE: limits.check_for("queue"), rules.EACH_KEY: each_key.check_for("key")}
        for key, own in keys.items():
            found[rules.gate_of_key(check_key(key))] = own.check_for("key")
        self._limits[queue] = found
        self._due.pop(queue, None)

    def of(self, queue: str) -> Mapping[str, Limits]:
        """Return the limits of a queue by gate, those of its limited tasks among them."""
        limited = {
            rules.gate_of_task(task.name): task.settings.limits
            for task in self._tasks
            if task.settings.limits is not None
        }
        return {**self._limits.get(queue, {}), **limited}

    def of_worker(self, queue: str) -> Mapping[str, Limits]:
        """Return the limits of a queue with all tasks: a worker also says which of them are limited no more."""
        return {**{rules.gate_of_task(task.name): Limits() for task in self._tasks}, **self.of(queue)}

    def is_due(self, keys: QueueKeys) -> bool:
        """Tell whether a queue is to be told, for the first time or again."""
        return time.monotonic() > self._due.get(keys.queue, -math.inf)

    def calls(self, queues: Iterable[QueueKeys]) -> list[Call[Any]]:
        """Return what is to be told to queues; ``told`` says that it has been."""
        calls: list[Call[Any]] = []
        for keys in filter(self.is_due, queues):
            calls.append(claims.enlist(registry(keys.prefix), keys.queue))
            if declared := self.of(keys.queue):
                calls.append(rules.declare(keys, declared))
        return calls

    def told(self, queues: Iterable[QueueKeys]) -> None:
        """Remember that queues have been told."""
        for keys in filter(self.is_due, queues):
            self._due[keys.queue] = time.monotonic() + TELL_EVERY
