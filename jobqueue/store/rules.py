"""The limits of queues, tasks and keys, as the store keeps them."""

from collections.abc import Mapping
from typing import Any

from jobqueue.limits import LIMIT_NAMES, Limits
from jobqueue.store.call import Call, run_command, run_script
from jobqueue.store.keys import QueueKeys
from jobqueue.store.script import script

QUEUE = "queue"
EACH_KEY = "keys"


def gate_of_task(name: str) -> str:
    """Return the gate of a task."""
    return f"task:{name}"


def gate_of_key(key: str) -> str:
    """Return the gate of a key."""
    return f"key:{key}"


def limit(keys: QueueKeys, gate: str, values: Mapping[str, str]) -> Call[None]:
    """Set limits of a gate at run time.

    Args:
        keys: the queue.
        gate: ``queue``, ``keys``, ``task:NAME`` or ``key:KEY``.
        values: by the name of the limit; ``-`` takes it away, an empty text takes it back to what the code says.
    """
    rest = [word for entry in values.items() for word in entry]
    return run_script(script("limit"), keys, (gate,), lambda _: None, rest=rest)


def declare(keys: QueueKeys, limits: Mapping[str, Limits]) -> Call[None]:
    """Set the limits that an application has in its code, by gate; those of other gates stay as they are."""
    rest: list[str] = []
    for gate, values in limits.items():
        for name, text in values.to_wire().items() or [("", "")]:
            rest += (gate, name, text)
    return run_script(script("declare"), keys, (), lambda _: None, rest=rest)


def limits(keys: QueueKeys) -> Call[Mapping[str, Limits]]:
    """Read the limits that hold, by gate."""
    return run_command("HGETALL", keys["limits"], read=_limits, repeatable=True)


def paused(keys: QueueKeys) -> Call[tuple[str, ...]]:
    """Read which gates are paused: ``task:NAME``, ``key:KEY``."""
    return run_command("HGETALL", keys["limits"], read=_paused, repeatable=True)


def _texts(reply: Any) -> dict[str, str]:
    if isinstance(reply, Mapping):
        return {field.decode(): value.decode() for field, value in reply.items()}
    return {field.decode(): value.decode() for field, value in zip(*[iter(reply)] * 2, strict=True)}


def _limits(reply: Any) -> Mapping[str, Limits]:
    found: dict[str, dict[str, str]] = {}
    for field, value in _texts(reply).items():
        name, _, gate = field.partition(" ")
        if name in LIMIT_NAMES:
            found.setdefault(gate, {})[name] = value
    return {gate: Limits.from_wire(texts) for gate, texts in sorted(found.items())}


def _paused(reply: Any) -> tuple[str, ...]:
    return tuple(sorted(field.partition(" ")[2] for field in _texts(reply) if field.startswith("paused ")))
