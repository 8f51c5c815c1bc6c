"""The files in workers/ name commands, options and variables that exist, with values that work."""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import click
import pytest
import yaml
from docs.pages import ROOT, click_commands, codes, parse_command, read, table
from working import worker_of

import jobqueue
from jobqueue import JobQueue
from jobqueue.cli.options import Duration
from jobqueue.durations import parse_duration
from jobqueue.worker.supervisor import KILL_AFTER
from jobqueue.worker.worker import SHUTDOWN_TIMEOUT

WORKERS = ROOT / "workers"
PROFILES = sorted((WORKERS / "profiles").iterdir())
SPARE = KILL_AFTER + 5
"""Seconds beyond the shutdown timeout that an init system must leave: for killing, and for taking jobs back."""

DECLARED = {
    parameter.envvar: parameter
    for command in click_commands().values()
    for parameter in command.params
    if parameter.envvar is not None
}


def variables_of(path: Path) -> dict[str, str]:
    """Return the variables of a file for systemd and Docker: plain lines, and nothing that the two read differently."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals
            assert re.fullmatch(r"[A-Z_]+", name), line
            assert re.fullmatch(r"[^\s\"'$#\\]+", value), line
            assert name not in found, line
            found[name] = value
    return found


def check_variables(variables: dict[str, str]) -> None:
    """Refuse variables of jobqueue that nobody reads, and values that would be refused."""
    known = {codes(row[1])[0] for row in table(read("docs/configuration.md"), "setting", "variable")}
    for name, value in variables.items():
        if name.startswith("JOBQUEUE_") or name == "REDIS_URL":
            assert name in known | {"REDIS_URL"}, name
        if name in DECLARED:
            parameter = DECLARED[name]
            parameter.type.convert(value, parameter, None)


def check_worker(words: list[str], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> click.Context:
    """Read a command line of a worker as it would, with its variables."""
    for name in DECLARED:
        monkeypatch.delenv(str(name), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    context = parse_command(words)
    assert context.info_name == "worker"
    return context


@pytest.fixture
def compose():
    """Return the compose file."""
    return yaml.safe_load((WORKERS / "compose.yaml").read_text("utf-8"))


@pytest.fixture
def unit():
    """Return the systemd unit, as sections of keys and values."""
    parser = RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=True)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read(WORKERS / "jobqueue-worker@.service", "utf-8")
    return parser


@pytest.fixture
def image():
    """Return the instructions of the Dockerfile: words and arguments."""
    text = re.sub(r"\\\n", " ", (WORKERS / "Dockerfile").read_text("utf-8"))
    lines = [line.strip() for line in text.splitlines()]
    return [(line.split()[0], line.partition(" ")[2]) for line in lines if line and not line.startswith("#")]


def last(image, instruction):
    return [arguments for word, arguments in image if word == instruction][-1]


# -- profiles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_is_a_worker_that_starts(path, monkeypatch):
    variables = variables_of(path)
    check_variables(variables)
    worker = check_worker(["worker", "app:jobs"], variables, monkeypatch)
    assert {name for name in variables if name not in DECLARED} == set()
    for name, value in variables.items():
        parameter = DECLARED[name]
        assert worker.params[parameter.name] == parameter.type.convert(value, parameter, None), name


def test_the_profiles_are_listed_as_they_are():
    rows = table((WORKERS / "README.md").read_text("utf-8"), "profile", "for", "processes", "jobs at once in each")
    listed = {re.findall(r"\[([\w.-]+)\]", name)[0]: (processes, at_once) for name, _, processes, at_once in rows}
    assert listed == {
        path.name: (variables_of(path)["JOBQUEUE_PROCESSES"], variables_of(path)["JOBQUEUE_CONCURRENCY"])
        for path in PROFILES
    }


# -- the image ---------------------------------------------------------------------------------------------------------


def test_the_image_runs_the_command_without_a_shell_and_without_privileges(image):
    assert json.loads(last(image, "ENTRYPOINT")) == ["jobqueue"]
    assert json.loads(last(image, "CMD")) == ["worker"]
    assert last(image, "STOPSIGNAL") == "SIGTERM"
    user = last(image, "USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert f"--uid {user.partition(':')[0]}" in last(image, "RUN")
    words = [word for word, _ in image]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word in ("RUN", "COPY"))


def test_the_image_is_of_a_python_that_is_supported(image):
    versions = {tuple(map(int, re.findall(r"python:(\d+)\.(\d+)-slim", line)[0])) for w, line in image if w == "FROM"}
    assert len(versions) == 1
    assert min(versions) >= (3, 11)


def test_what_is_copied_into_the_image_is_there_and_not_ignored(image):
    sources = [
        source for word, line in image if word == "COPY" and "--from" not in line for source in line.split()[:-1]
    ]
    assert {"jobqueue", "pyproject.toml"} <= set(sources)
    ignored, *kept = (WORKERS / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert ignored == "*"
    assert {line[1:] for line in kept if line.startswith("!")} == set(sources)
    assert all((ROOT / source).exists() for source in sources)


def test_the_variables_of_the_image_are_read(image):
    pairs = dict(pair.split("=", 1) for word, line in image if word == "ENV" for pair in line.split())
    check_variables(pairs)
    assert "JOBQUEUE_LOG_FORMAT" in pairs


# -- compose -----------------------------------------------------------------------------------------------------------


def test_the_server_of_compose_keeps_its_jobs(compose):
    words = compose["services"]["server"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] in ("everysec", "always")
    assert options["--maxmemory-policy"] == "noeviction"
    assert "--maxmemory" in options
    assert all(isinstance(word, str) for word in words)
    assert any(volume.startswith("data:") for volume in compose["services"]["server"]["volumes"])
    assert "data" in compose["volumes"]


def test_the_worker_of_compose_starts(compose, monkeypatch):
    worker = compose["services"]["worker"]
    variables = worker["environment"]
    assert all(isinstance(value, str) for value in [*variables.values(), *worker["command"]])
    check_variables(variables)
    context = check_worker(worker["command"], variables, monkeypatch)
    assert parse_duration(worker["stop_grace_period"]) >= context.params["shutdown_timeout"] + SPARE
    assert worker["init"] is True
    assert worker["restart"] != "no"
    assert worker["depends_on"] == {"server": {"condition": "service_healthy"}}
    host = variables["JOBQUEUE_URL"].partition("//")[2].partition(":")[0]
    assert host in compose["services"]
    build = worker["build"]
    assert (WORKERS / build["context"] / build["dockerfile"]).resolve() == WORKERS / "Dockerfile"


def test_the_application_of_compose_is_where_it_is_mounted(compose):
    worker = compose["services"]["worker"]
    [mount] = worker["volumes"]
    source, target, mode = mount.split(":")
    assert (target, mode) == ("/app", "ro")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, worker["environment"]["JOBQUEUE_APP"]],
        cwd=WORKERS / source,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == worker["environment"]["JOBQUEUE_PREFIX"], done.stderr


LOAD = """
import sys, os
from jobqueue.worker.reference import AppReference
print(AppReference.parse(sys.argv[1], os.getcwd()).load().settings.prefix)
"""


async def test_the_worker_is_healthy_while_it_is_registered(compose, real_server):
    kind, script = compose["services"]["worker"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "JOBQUEUE_URL": real_server.url, "PATH": path}
    environment.pop("JOBQUEUE_PREFIX", None)

    async def look() -> int:
        process = await asyncio.create_subprocess_exec("sh", "-c", script, env=environment)
        return await process.wait()

    assert await look() == 1
    async with worker_of(JobQueue(real_server.url)):
        assert await look() == 0
    assert await look() == 1


def test_healthchecks_look_often_enough_and_not_too_often(compose):
    for service in compose["services"].values():
        check = service["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert parse_duration(check["timeout"]) < parse_duration(check["interval"])
        assert check["retries"] >= 2


# -- systemd -----------------------------------------------------------------------------------------------------------


def test_the_unit_starts_a_worker(unit, monkeypatch):
    program, *words = shlex.split(unit["Service"]["ExecStart"])
    assert Path(program).name == "jobqueue"
    assert program.startswith(unit["Service"]["WorkingDirectory"])
    assert unit["Service"]["EnvironmentFile"] == "/etc/jobqueue/%i.env"
    check_worker(words, {"JOBQUEUE_APP": "app:jobs"}, monkeypatch)


def test_the_unit_stops_it_as_it_wants_to_be_stopped(unit):
    service = unit["Service"]
    assert service["KillMode"] == "mixed"
    assert service["KillSignal"] == "SIGTERM"
    longest = max([SHUTDOWN_TIMEOUT, *(float(shutdown_timeout(path)) for path in PROFILES)])
    assert int(service["TimeoutStopSec"]) >= longest + SPARE


def shutdown_timeout(path: Path) -> float:
    """Return the shutdown timeout of a profile, in seconds."""
    return Duration().convert(variables_of(path).get("JOBQUEUE_SHUTDOWN_TIMEOUT", SHUTDOWN_TIMEOUT), None, None)


def test_the_unit_never_gives_up(unit):
    assert unit["Service"]["Restart"] == "always"
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"
    # systemd would otherwise end all processes when the kernel has killed one.
    assert unit["Service"]["OOMPolicy"] == "continue"


def test_the_unit_has_no_privileges(unit):
    service = unit["Service"]
    assert service["User"] != "root"
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "PrivateTmp", "ProtectHome", "RestrictSUIDSGID"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert set(service["RestrictAddressFamilies"].split()) == {"AF_INET", "AF_INET6", "AF_UNIX"}


# -- the folder --------------------------------------------------------------------------------------------------------


def test_the_folder_is_no_package():
    assert list(WORKERS.rglob("*.py")) == []
    assert not (Path(jobqueue.__file__).parent.parent / "workers.py").exists()


def test_every_file_is_listed():
    listed = (WORKERS / "README.md").read_text("utf-8")
    for path in [*WORKERS.iterdir(), *PROFILES]:
        if path.name != "README.md" and not path.name.endswith(".dockerignore"):
            assert f"]({path.relative_to(WORKERS)})" in listed, path.name
