"""What a supervisor and its worker processes agree upon: see ``jobqueue.worker.child``."""

import json
from dataclasses import asdict, dataclass

STOP = b"stop\n"
"""Asks the process to end when its jobs have ended."""

HURRY = b"hurry\n"
"""Asks it to end at once."""

EXIT_FAILED = 1
"""The process could not start."""

EXIT_MISTAKEN = 2
"""The process could not start, because what it was told to do cannot be done: the application is not there."""

EXIT_REPLACE = 75
"""The process wants to be replaced; what it still holds is to be handed back, uncounted."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker process is to do.

    Attributes:
        app: the application, as JSON of an ``AppReference``.
        queues: the queues; empty for those that the tasks name.
        concurrency: how many jobs run at once.
        burst: whether to end when no job is waiting any more.
        shutdown_timeout: seconds that running jobs have to end.
        log_level: the name of the level from which on lines are logged.
        log_format: ``text`` or ``json``.
        examines: whether to say what is to be known of the server.
    """

    app: str
    queues: tuple[str, ...]
    concurrency: int
    burst: bool
    shutdown_timeout: float
    log_level: str
    log_format: str
    examines: bool = True

    def to_json(self) -> bytes:
        """Return the assignment as JSON, on one line."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Assignment":
        """Read what ``to_json`` wrote."""
        members = json.loads(text)
        return cls(**{**members, "queues": tuple(members["queues"])})
