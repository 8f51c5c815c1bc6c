"""Histograms of times whose buckets grow with the times: a percentile is known to some per cent, whatever the scale.

A histogram is a mapping of bucket to count, so that two are added up by adding their counts.
"""

import math
from collections.abc import Mapping, Sequence

SMALLEST = 0.0001
"""Seconds that the first bucket reaches up to: times below are all the same."""

GROWTH = 1.12
"""How much longer the times in a bucket are than those in the one before."""

LAST = 255
"""The last bucket, with all that is longer than its beginning: some years."""

ERROR = math.sqrt(GROWTH) - 1
"""How far an estimate may be from the exact value, as a part of it."""

_SCALE = 1 / math.log(GROWTH)


def bucket_of(seconds: float) -> int:
    """Return the bucket of a time. The clocks of two machines may make it negative; then it is taken for none."""
    if seconds <= SMALLEST:
        return 0
    return min(LAST, math.ceil(math.log(seconds / SMALLEST) * _SCALE))


def value_of(bucket: int) -> float:
    """Return the seconds that stand for a bucket: the geometric mean of its bounds; 0 for the first."""
    return 0.0 if bucket == 0 else SMALLEST * GROWTH ** (bucket - 0.5)


def percentiles(histogram: Mapping[int, int], parts: Sequence[float]) -> list[float]:
    """Estimate percentiles.

    Args:
        histogram: how many times fell into each bucket; at least one did.
        parts: from 0 to 1: 0.95 for the time that 95 % did not exceed.

    Returns:
        Seconds, for each part.
    """
    buckets = sorted(histogram)
    total = sum(histogram.values())
    found = []
    for part in parts:
        wanted, seen = max(1, math.ceil(part * total)), 0
        for bucket in buckets:
            seen += histogram[bucket]
            if seen >= wanted:
                break
        found.append(value_of(bucket))
    return found
