"""The application of the demo: it digests files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from jobqueue import JobQueue, Retry, current_job

PART = 1024 * 1024
"""Bytes of a file that are read at once."""

jobs = JobQueue(prefix="jobqueue-demo")


@dataclass(frozen=True)
class Digest:
    """What is to be known of a file."""

    sha256: str
    size: int
    lines: int


class Stumbled(Exception):
    """A failure that goes away by itself, as those of networks do."""


@jobs.task(retry=Retry(attempts=2, backoff=0.2), timeout=60)
def digest(path: Path, stumbles: bool = False) -> Digest:
    """Read a file, and compute its digest, size and number of lines.

    Args:
        path: the file.
        stumbles: whether the first attempt is to fail.
    """
    job = current_job()
    job.log(f"attempt {job.attempt} at {path}")
    if stumbles and job.attempt == 1:
        raise Stumbled("the first attempt fails, to show a retry")
    return compute(path)


def compute(path: Path) -> Digest:
    """Return the facts of a file: what the job computes, and what it is checked against."""
    digest, size, lines = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while part := file.read(PART):
            digest.update(part)
            size += len(part)
            lines += part.count(b"\n")
    return Digest(digest.hexdigest(), size, lines)
