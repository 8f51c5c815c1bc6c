"""Dependencies: what jobs are told of the end of others, within a queue and from one to another."""

from collections.abc import Generator, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, cast

from jobqueue.dependencies import Dependency, Edge, OnFailure
from jobqueue.job import Execution
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

BATCH = 100
"""How many jobs one call tells."""


VERBS = frozenset({"link", "arrive", "revive", "stop", "commit", "discard"})
"""What messages say."""

COMMIT = "-"
"""What stands in the place of a queue where a job waits for the commit of its flow, which was added in parts."""


class Message(NamedTuple):
    """What is to be told to a job of another queue.

    Attributes:
        text: ``QUEUE VERB ID QUEUE/ID POLICY``.
        body: the record of an execution, a reason, or nothing.
    """

    text: str
    body: bytes

    @property
    def queue(self) -> str:
        """The queue it goes to."""
        return self.text.partition(" ")[0]

    @property
    def understood(self) -> bool:
        """Whether it is as this version writes them: others are left where they are."""
        words = self.text.split(" ")
        return len(words) == 5 and words[1] in VERBS


class Relayed(NamedTuple):
    """The reply to ``relay``.

    Attributes:
        more: whether there is more to tell.
        messages: what is to be told to jobs of other queues: to be given to ``receive``, then to ``delivered``.
    """

    more: bool
    messages: tuple[Message, ...]


def relay(keys: QueueKeys) -> Call[Relayed]:
    """Tell jobs how those ended that they depend on, some at a time."""
    return run_script(script("relay"), keys, (BATCH,), _relayed)


def receive(keys: QueueKeys, messages: Sequence[Message]) -> Call[int]:
    """Tell jobs of a queue what another queue has for them."""
    rest: list[str | bytes] = []
    for message in messages:
        rest += (*message.text.split(" ")[1:], message.body)
    return run_script(script("receive"), keys, (), int, rest=rest)


def delivered(keys: QueueKeys, messages: Sequence[Message]) -> Call[int]:
    """Forget messages that have been told."""
    rest = [part for message in messages for part in message]
    return run_script(script("delivered"), keys, (), int, rest=rest)


class DependencyPage(NamedTuple):
    """Some of the dependencies of a job, each with its number, and where the next page begins; empty after the last."""

    dependencies: tuple[tuple[int, Dependency], ...]
    cursor: str


def dependencies(keys: QueueKeys, job_id: str, cursor: str, count: int = BATCH) -> Call[DependencyPage]:
    """Read what a job waits for, or has waited for, some at a time; without those it is not to see."""
    return run_script(script("dependencies"), keys, (job_id, cursor, count), _page)


def all_dependencies(keys: QueueKeys, job_id: str) -> Generator[list[Call[Any]] | float, list[Any], list[Dependency]]:
    """Read all that a job waits for, or has waited for, in their order: for ``Connections.follow``."""
    found: list[tuple[int, Dependency]] = []
    cursor = ""
    while True:
        [page] = yield [dependencies(keys, job_id, cursor)]
        found += page.dependencies
        cursor = page.cursor
        if not cursor:
            return [dependency for _, dependency in sorted(found, key=itemgetter(0))]


def edges(keys: QueueKeys, job_id: str, count: int) -> Call[tuple[Edge, ...]]:
    """Read what a job waits for, or has waited for, as it was asked for; not more than ``count``."""
    return run_command(
        "ZRANGEBYLEX", keys["edges"], f"[{job_id}|", f"({job_id}}}", "LIMIT", 0, count, read=_edges, repeatable=True
    )


def dependency_count(keys: QueueKeys, job_id: str) -> Call[int]:
    """Read how many jobs a job waits for, or has waited for."""
    return run_command("ZLEXCOUNT", keys["edges"], f"[{job_id}|", f"({job_id}}}", read=int, repeatable=True)


def _relayed(reply: Any) -> Relayed:
    more, *entries = reply
    pairs = zip(*[iter(entries)] * 2, strict=True)
    messages = tuple(Message(text.decode("utf-8", "surrogateescape"), body) for text, body in pairs)
    return Relayed(bool(more), messages)


def _edges(reply: Any) -> tuple[Edge, ...]:
    members = sorted((member.decode().split("|") for member in reply), key=lambda parts: int(parts[3]))
    found = []
    for _, dependency, policy, _ in members:
        queue, _, job_id = dependency.partition("/")
        if queue != COMMIT:
            found.append(Edge(queue, job_id, cast(OnFailure, policy)))
    return tuple(found)


def _page(reply: Any) -> DependencyPage:
    cursor, *entries = reply
    found = []
    for place, text in zip(*[iter(entries)] * 2, strict=True):
        name, policy, number = place.decode().split("|")
        queue, _, job_id = name.partition("/")
        if queue == COMMIT:
            continue
        _, told, record = text.partition(b" ")
        ending = Execution.read(record) if record else None
        dependency = Dependency(job_id, queue, cast(OnFailure, policy), ending, bool(told) and not record)
        if not (policy == "ignore" and told and not dependency.completed):
            found.append((int(number), dependency))
    return DependencyPage(tuple(found), cursor.decode())
