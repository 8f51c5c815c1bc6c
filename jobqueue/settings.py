"""The settings of an application: one checked, frozen value."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from jobqueue.durability import LONGEST_WAIT, Durability, checked_durability
from jobqueue.durations import seconds
from jobqueue.encryption import Encryption
from jobqueue.errors import InvalidName, InvalidOption
from jobqueue.names import check_name
from jobqueue.retention import Retention
from jobqueue.signing import Signing
from jobqueue.stored import READ_LIMIT

_BESIDE = 64 * 1024
"""Bytes of what stands beside the arguments."""

DEFAULT_URL = "redis://localhost:6379/0"


@dataclass(frozen=True, slots=True)
class Settings:
    """What an application and its workers agree on.

    Attributes:
        prefix: what every key in Redis begins with; applications that share a server choose different ones.
        queue: the queue of tasks that name none.
        retention: how long ended jobs are kept.
        max_payload: bytes that the JSON text of a job or of its result may have.
        lease: seconds without a heartbeat after which a worker is taken for dead.
        max_lost: how often a job may be lost with its worker before it has failed.
        durability: how safe a job is to be when ``enqueue`` returns, if neither it nor its task says.
        durability_timeout: seconds to wait for that at most.
        signing: signs jobs, schedules and results; None for no signatures.
        encryption: encrypts them; None for plain text.
    """

    prefix: str = "jq"
    queue: str = "default"
    retention: Retention = field(default_factory=Retention)
    max_payload: int = 1024 * 1024
    lease: float = 30.0
    max_lost: int = 3
    durability: Durability = "memory"
    durability_timeout: float = 5.0
    signing: Signing | None = None
    encryption: Encryption | None = None

    def __post_init__(self) -> None:
        check_name(self.prefix, "prefix")
        if ":" in self.prefix:
            # Else prefix "a" with queue "b:c", and prefix "a:b" with queue "c", would be one.
            raise InvalidName(
                f"prefix {self.prefix!r}: a colon separates the prefix from the queue, so it must have none"
            )
        if not isinstance(self.retention, Retention):
            raise InvalidOption(f"retention must be a Retention(...), not {self.retention!r}")
        check_name(self.queue, "queue")
        object.__setattr__(self, "lease", seconds(self.lease, "lease"))
        if not 1 <= self.lease <= 3600:
            raise InvalidOption(f"lease must be between 1 second and 1 hour, not {self.lease!r}")
        if not _is_whole(self.max_lost) or not 1 <= self.max_lost <= 20:
            raise InvalidOption(f"max_lost must be between 1 and 20, not {self.max_lost!r}")
        checked_durability(self.durability)
        object.__setattr__(self, "durability_timeout", seconds(self.durability_timeout, "durability_timeout"))
        if not 0.001 <= self.durability_timeout <= LONGEST_WAIT:
            raise InvalidOption(
                f"durability_timeout must be between 1 millisecond and {LONGEST_WAIT:g} seconds, not"
                f" {self.durability_timeout!r}"
            )
        if not _is_whole(self.max_payload) or not 1024 <= self.max_payload <= 512 * 1024 * 1024:
            raise InvalidOption(f"max_payload must be between 1 KiB and 512 MiB, not {self.max_payload!r}")
        # Not the value: it may be a key.
        if self.signing is not None and not isinstance(self.signing, Signing):
            raise InvalidOption(f"signing must be Signing(...), not a {type(self.signing).__name__}")
        if self.encryption is not None and not isinstance(self.encryption, Encryption):
            raise InvalidOption(f"encryption must be Encryption(...), not a {type(self.encryption).__name__}")

    @property
    def read_limit(self) -> int:
        """Bytes of a stored specification or result that are decoded; more is refused."""
        # Twice, because sealed texts are longer.
        return max(READ_LIMIT, 2 * self.max_payload + _BESIDE)


def payload_to_read(size: int) -> int:
    """Return the least ``max_payload`` with which a text of this many bytes is decoded that is over ``READ_LIMIT``."""
    return -(-(size - _BESIDE) // 2)


def find_url(url: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Return the URL of the server: as given, else ``$JOBQUEUE_URL``, else ``$REDIS_URL``, else the local one."""
    variables = os.environ if environment is None else environment
    return url or variables.get("JOBQUEUE_URL") or variables.get("REDIS_URL") or DEFAULT_URL


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
