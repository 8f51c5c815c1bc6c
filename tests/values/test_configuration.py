"""What the environment and files say: which source counts, and what people write wrong."""

import pytest

from jobqueue import Configuration, InvalidName, InvalidOption, JobQueue, Keep
from jobqueue.configuration import default_of, mistyped, names


@pytest.fixture
def find(tmp_path):
    """Return what reads a configuration, given files and variables."""

    def run(files=None, variables=None, folder="."):
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return Configuration.find(tmp_path / folder, variables or {})

    return run


def test_without_anything_all_are_defaults(find):
    found = find()
    assert found == Configuration(origins=dict.fromkeys(names(), "default"))
    assert found.settings() == JobQueue("memory://").settings


def test_a_variable_goes_before_the_file_and_the_file_before_pyproject(find):
    found = find(
        {
            "jobqueue.toml": 'concurrency = 7\nprocesses = 3\nqueues = ["mail", "default"]\nlease = "1m30s"',
            "pyproject.toml": '[tool.jobqueue]\nprefix = "never"',
        },
        {"JOBQUEUE_CONCURRENCY": "9", "REDIS_URL": "redis://one", "JOBQUEUE_APP": ""},
    )
    assert (found.concurrency, found.processes, found.queues, found.lease) == (9, 3, ("mail", "default"), 90)
    assert (found.prefix, found.app, found.url) == ("jq", None, "redis://one")
    origins = {name: found.origins[name] for name in ("concurrency", "processes", "prefix", "url")}
    assert origins == {
        "concurrency": "$JOBQUEUE_CONCURRENCY",
        "processes": "jobqueue.toml",
        "prefix": "default",
        "url": "$REDIS_URL",
    }
    assert find(variables={"REDIS_URL": "redis://one", "JOBQUEUE_URL": "redis://two"}).url == "redis://two"


def test_the_nearest_pyproject_that_has_a_table_is_read(find):
    files = {
        "pyproject.toml": '[tool.jobqueue]\nprefix = "shop"',
        "src/pyproject.toml": "[tool.other]\nx = 1",
        "src/app/x": "",
    }
    found = find(files, folder="src/app")
    assert (found.prefix, found.origins["prefix"]) == ("shop", "pyproject.toml")


def test_a_variable_names_another_file(find):
    found = find({"other.toml": 'prefix = "other"'}, {"JOBQUEUE_CONFIG": "other.toml"})
    assert (found.prefix, found.origins["prefix"]) == ("other", "other.toml")
    with pytest.raises(InvalidOption, match=r"\$JOBQUEUE_CONFIG names 'none.toml', which is no file"):
        find(variables={"JOBQUEUE_CONFIG": "none.toml"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("concurency = 5", r"jobqueue.toml: there is no setting 'concurency' \(did you mean 'concurrency'"),
        ("concurrency = 0", "jobqueue.toml: concurrency must be a whole number from 1 to 10,000, not 0"),
        ("concurrency = true", "concurrency must be a whole number"),
        ('concurrency = "many"', "concurrency must be a whole number from 1 to 10,000, not 'many'"),
        ('lease = "soon"', "lease: 'soon' is not a duration"),
        (
            'log_level = "inof"',
            r"log_level must be one of debug, info, warning, error, not 'inof' \(did you mean 'info'",
        ),
        ('lease = "99999999d"', r"lease: the duration '99999999d' must be between 0 and 1e\+10 seconds"),
        ("lease = -1", r"lease: the duration must be between 0 and 1e\+10 seconds, not -1"),
        ("lease = []", r"lease must be a duration, such as 90s or 5m, not \[\]"),
        ('lease = "0"', "jobqueue.toml: lease must be between 1 second and 1 hour, not 0.0"),
        ('prefix = "a:b"', "jobqueue.toml: prefix 'a:b': a colon separates the prefix from the queue"),
        ("processes = '²'", "processes must be a whole number from 1 to 256, not '²'"),
        ("queues = 5", "queues must be a list of names, not 5"),
        ("prefix = 5", "prefix must be a text, not 5"),
        ("x = [", "jobqueue.toml cannot be read"),
    ],
)
def test_mistakes_in_a_file(find, text, message):
    with pytest.raises(InvalidOption, match=message):
        find({"jobqueue.toml": text})


def test_mistakes_in_variables(find):
    with pytest.raises(InvalidOption, match=r"\$JOBQUEUE_PROCESSES: processes must be a whole number from 1 to 256"):
        find(variables={"JOBQUEUE_PROCESSES": "0"})
    with pytest.raises((InvalidName, InvalidOption), match=r"a b"):
        find(variables={"JOBQUEUE_PREFIX": "a b"})
    assert list(mistyped({"JOBQUEUE_CONCURENCY": "5", "JOBQUEUE_CONFIG": "x", "JOBQUEUE_URL": "y", "PATH": "z"})) == [
        "JOBQUEUE_CONCURENCY is no setting (did you mean 'JOBQUEUE_CONCURRENCY'?)"
    ]


def test_an_application_is_made_of_it(find, monkeypatch, tmp_path):
    found = find(
        {"jobqueue.toml": 'url = "memory://"\nprefix = "shop"\nfailed_age = "2d"\nfailed_count = 5\nmax_lost = 2'}
    )
    jobs = JobQueue.configured(found)
    assert (jobs.url, jobs.settings.prefix, jobs.settings.max_lost) == ("memory://", "shop", 2)
    assert jobs.settings.retention.failed == Keep(172_800, 5)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOBQUEUE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert JobQueue.configured().settings == jobs.settings
    assert default_of("concurrency") == 50
