"""Keeps what lies in one queue from holding up the others that a worker serves."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from jobqueue.errors import ServerError, ServerFull, ServerUnavailable
from jobqueue.store.call import Call
from jobqueue.store.client import Steps
from jobqueue.store.keys import QueueKeys

T = TypeVar("T")

Found = list[tuple[QueueKeys, T]]
"""Queues with what they replied."""


class QueueTrouble(NamedTuple):
    """What was met in a queue."""

    keys: QueueKeys
    error: Exception


def concerns_one_queue(error: Exception) -> bool:
    """Tell whether an error is that of a queue, and not one that others would meet as well."""
    return not isinstance(error, ServerUnavailable | ServerFull)


def each(
    queues: Sequence[QueueKeys], make: Callable[[QueueKeys], Call[T]]
) -> Steps[tuple[Found[T], list[QueueTrouble]]]:
    """Execute a call for each queue in one round trip; one by one, if that fails because of one of them.

    Args:
        queues: the queues.
        make: returns the call for a queue. It may be sent twice.

    Returns:
        The queues that replied, and those that did not.

    Raises:
        ServerError: the server is not available, or is full, or no queue replied.
    """
    try:
        replies = yield [make(keys) for keys in queues]
    except ServerError as error:
        if len(queues) == 1 or not concerns_one_queue(error):
            raise
    else:
        return list(zip(queues, replies, strict=True)), []
    found: Found[T] = []
    troubles: list[QueueTrouble] = []
    for keys in queues:
        try:
            [reply] = yield [make(keys)]
        except ServerError as error:
            if not concerns_one_queue(error):
                raise
            troubles.append(QueueTrouble(keys, error))
        else:
            found.append((keys, reply))
    if not found:
        raise troubles[0].error
    return found, troubles
