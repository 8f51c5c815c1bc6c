"""The settings of an application, and where its server is."""

from datetime import timedelta

import pytest

from jobqueue.app import JobQueue
from jobqueue.errors import InvalidJob, InvalidName, InvalidOption
from jobqueue.retention import Keep, Retention
from jobqueue.settings import DEFAULT_URL, Settings, find_url


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (None, {}, DEFAULT_URL),
        ("", {}, DEFAULT_URL),
        (None, {"REDIS_URL": "redis://r"}, "redis://r"),
        (None, {"JOBQUEUE_URL": "redis://j"}, "redis://j"),
        (None, {"JOBQUEUE_URL": "redis://j", "REDIS_URL": "redis://r"}, "redis://j"),
        (None, {"JOBQUEUE_URL": "", "REDIS_URL": "redis://r"}, "redis://r"),
        ("redis://given", {"JOBQUEUE_URL": "redis://j", "REDIS_URL": "redis://r"}, "redis://given"),
    ],
)
def test_the_url_is_the_given_one_or_is_looked_up_in_the_environment(url, environment, expected):
    assert find_url(url, environment) == expected


def test_the_environment_is_read_when_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("JOBQUEUE_URL", "redis://first")
    assert find_url(None) == "redis://first"
    monkeypatch.setenv("JOBQUEUE_URL", "redis://second")
    assert find_url(None) == "redis://second"


def test_the_defaults():
    assert Settings() == Settings("jq", "default", Retention(), 1024 * 1024, 30.0, 3)
    assert Settings(retention=Retention(Keep(5))).retention.completed.age == 5


def test_a_lease_may_be_a_timedelta():
    assert Settings(lease=timedelta(minutes=1)).lease == 60.0


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("lease", 1),
        ("lease", 3600),
        ("max_lost", 1),
        ("max_lost", 20),
        ("max_payload", 1024),
        ("max_payload", 512 * 1024 * 1024),
        ("durability_timeout", 0.001),
        ("durability_timeout", 8),
        ("prefix", "shop.test"),
    ],
)
def test_what_a_setting_may_be_at_most_and_at_least(member, value):
    assert getattr(Settings(**{member: value}), member) == value


@pytest.mark.parametrize(
    ("member", "value", "error"),
    [
        ("prefix", "a b", InvalidName),
        ("prefix", "{a}", InvalidName),
        ("prefix", "", InvalidName),
        ("queue", "a b", InvalidName),
        ("lease", 0.5, InvalidOption),
        ("lease", 3601, InvalidOption),
        ("lease", "30", InvalidOption),
        ("lease", float("nan"), InvalidOption),
        ("max_lost", 0, InvalidOption),
        ("max_lost", 21, InvalidOption),
        ("max_lost", 2.5, InvalidOption),
        ("max_lost", "3", InvalidOption),
        ("max_lost", True, InvalidOption),
        ("max_payload", 1023, InvalidOption),
        ("durability", "disk", InvalidOption),
        ("durability", None, InvalidOption),
        ("durability_timeout", 0, InvalidOption),
        ("durability_timeout", 8.1, InvalidOption),
        ("max_payload", 512 * 1024 * 1024 + 1, InvalidOption),
        ("max_payload", "1MB", InvalidOption),
        ("max_payload", 1e6, InvalidOption),
    ],
)
def test_a_setting_that_cannot_work_is_refused(member, value, error):
    with pytest.raises(error, match=member):
        Settings(**{member: value})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prefix": "a:b"}, "must have none"),
        ({"retention": 5}, "must be a Retention"),
        ({"retention": 0}, "must be a Retention"),
    ],
)
def test_what_would_go_wrong_later_is_refused(settings, message):
    with pytest.raises(InvalidJob, match=message):
        JobQueue(**settings)
