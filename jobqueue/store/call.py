"""A call to the server as a value: what to send, and how to read the reply."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import Script

T = TypeVar("T")
Argument = str | bytes | int | float

CONFIRMATIONS = frozenset({"WAIT", "WAITAOF"})
"""Commands that say how safe the writes are that went before them on the same connection."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One command, or one script, and its reply.

    Attributes:
        script: the script; None for a plain command.
        keys: the keys of the script.
        args: its arguments without ``now``; or the words of the command.
        read: turns the reply into the value that the caller wants.
        repeatable: whether it may be sent again when it is not known to have been executed.
        refusable: whether the server may refuse it without harm, among other calls: the refusal is its reply.
    """

    script: Script | None
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    read: Callable[[Any], T]
    repeatable: bool
    refusable: bool = False

    @property
    def name(self) -> str:
        """The name of the script or command, for logs and errors."""
        return self.script.name if self.script else str(self.args[0])

    @property
    def confirms(self) -> bool:
        """Whether it is about the calls before it. Where it is refused, they stand: the refusal is its reply."""
        return self.script is None and self.args[0] in CONFIRMATIONS

    def words(self, now: str, flagged: bool, by_hash: bool) -> tuple[Argument, ...]:
        """Return what is sent.

        Args:
            now: the time that the script is to take for the server's, in milliseconds; empty for its own.
            flagged: whether the server knows script flags.
            by_hash: whether to name the script by its hash, or to send its text.
        """
        if self.script is None:
            return self.args
        head = ("EVALSHA", self.script.sha(flagged)) if by_hash else ("EVAL", self.script.text(flagged))
        return (*head, len(self.keys), *self.keys, now, *self.args)


def run_script(
    script: Script,
    keys: QueueKeys,
    args: Sequence[Argument],
    read: Callable[[Any], T],
    *,
    worker: str = "",
    workers: Iterable[str] = (),
    rest: Iterable[Argument] = (),
) -> Call[T]:
    """Return the call of a script on a queue.

    Args:
        script: the script.
        keys: the keys of the queue.
        args: its arguments, in the order of the header.
        read: how to read the reply.
        worker: whose inbox is meant, where the script has the key ``inbox``.
        workers: whose inboxes are meant, where the script takes any number of them.
        rest: what follows the arguments, in groups.
    """
    if len(args) != len(script.args):
        raise TypeError(f"{script.name}.lua takes {script.args}, not {len(args)} arguments")
    names = keys.named(script.keys)
    if "inbox" in script.keys:
        place = script.keys.index("inbox")
        names = (*names[:place], keys.inbox(worker), *names[place + 1 :])
    names = (*names, *map(keys.inbox, workers))
    return Call(script, names, (*args, *rest), read, script.repeatable)


def run_command(*words: Argument, read: Callable[[Any], T], repeatable: bool) -> Call[T]:
    """Return the call of a plain command."""
    return Call(None, (), words, read, repeatable)
