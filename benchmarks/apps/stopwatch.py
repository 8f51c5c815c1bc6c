"""Takes the time between the first and the last job of a run, inside the worker, the same way for everybody."""

import itertools
import os
import time
from pathlib import Path

COUNT = int(os.environ["BENCH_JOBS"])
OUTPUT = Path(os.environ["BENCH_OUTPUT"])

_numbers = itertools.count(1)
_began = 0.0


def tick() -> None:
    """Count one job. May be called from several threads."""
    global _began  # noqa: PLW0603  (one run per process)
    number = next(_numbers)
    if number == 1:
        _began = time.perf_counter()
    elif number == COUNT:
        OUTPUT.write_text(str(time.perf_counter() - _began))
