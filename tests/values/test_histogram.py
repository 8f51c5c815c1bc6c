"""Percentiles from histograms are as exact as the histogram says."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.histogram import ERROR, LAST, SMALLEST, bucket_of, percentiles, value_of

TIMES = st.one_of(st.floats(0, 1), st.floats(0, 100_000), st.floats(0, 0.001))
PARTS = (0.0, 0.5, 0.95, 0.99, 1.0)


@given(st.lists(TIMES, min_size=1, max_size=300))
def test_percentiles_are_within_the_error_of_the_exact_ones(times):
    found = percentiles(Counter(map(bucket_of, times)), PARTS)
    ordered = sorted(times)
    for part, value in zip(PARTS, found, strict=True):
        exact = ordered[max(1, math.ceil(part * len(times))) - 1]
        assert abs(value - exact) <= ERROR * exact + SMALLEST + 1e-9


@given(st.lists(TIMES, min_size=1), st.lists(TIMES, min_size=1))
def test_added_histograms_are_those_of_all_times(some, others):
    added = Counter(map(bucket_of, some)) + Counter(map(bucket_of, others))
    assert added == Counter(map(bucket_of, [*some, *others]))


@given(TIMES)
def test_a_bucket_stands_for_its_times(seconds):
    value = value_of(bucket_of(seconds))
    assert abs(value - seconds) <= ERROR * seconds + SMALLEST
    assert bucket_of(value) == bucket_of(seconds)


@pytest.mark.parametrize(("seconds", "bucket"), [(-5.0, 0), (0.0, 0), (SMALLEST, 0), (1e12, LAST)])
def test_what_is_out_of_the_scale_is_at_its_ends(seconds, bucket):
    assert bucket_of(seconds) == bucket
