"""How long ended jobs are kept."""

from datetime import timedelta

import pytest

from jobqueue.errors import InvalidOption
from jobqueue.retention import DAY, Keep, Retention


def test_by_default_everything_is_kept_for_a_finite_time_and_failed_jobs_longest():
    assert Retention() == Retention(
        completed=Keep(DAY, 10_000), failed=Keep(7 * DAY, 10_000), cancelled=Keep(DAY, 10_000)
    )


def test_an_age_may_be_a_timedelta():
    assert Keep(timedelta(hours=1)).age == Keep(3600).age == 3600.0


@pytest.mark.parametrize(
    ("keep", "nothing"), [(Keep(), False), (Keep(0), True), (Keep(count=0), True), (Keep(1, 1), False)]
)
def test_nothing_is_kept_with_an_age_or_a_count_of_zero(keep, nothing):
    assert keep.nothing is nothing


@pytest.mark.parametrize("age", [-1, float("nan"), "1d", None, True])
def test_an_age_that_is_no_duration_is_refused(age):
    with pytest.raises(InvalidOption, match=r"Keep\(age=\.\.\.\)"):
        Keep(age)


@pytest.mark.parametrize("count", [-1, 1.5, "5", None, True])
def test_a_count_that_is_no_whole_number_is_refused(count):
    with pytest.raises(InvalidOption, match=r"Keep\(count=\.\.\.\)"):
        Keep(count=count)


def test_it_cannot_be_changed_and_equal_ones_are_equal():
    assert hash(Keep(5)) == hash(Keep(5.0))
    assert Keep(5) != Keep(6)
    with pytest.raises(AttributeError):
        Keep().age = 5
