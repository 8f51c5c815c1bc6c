"""``jobqueue worker``: from its start to its end, as an init system or a terminal sees it."""

import json
import os
import pty
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from cli.commands import PROGRAM, Shell, processes_in
from waiting import wait_until

from jobqueue import Counts, JobQueue
from jobqueue.handle import JobHandle
from jobqueue.job import JobState
from jobqueue.store.embedded import EmbeddedServer, find_program, socket_path, url_of

APP = """
import asyncio
import os
from pathlib import Path
from jobqueue import JobQueue, Retry, current_job

jobs = JobQueue(lease=1.0)

@jobs.task
def add(a: int, b: int) -> int:
    return a + b

@jobs.task
async def wait_for(path: str) -> int:
    while not Path(path).exists():
        await asyncio.sleep(0.01)
    return os.getpid()

@jobs.task(run="process")
async def wait_apart(path: str) -> None:
    current_job().progress(os.getpid())
    await wait_for(path)

@jobs.task(queue="mail")
def send() -> str:
    return "sent"

@jobs.task(retry=Retry(attempts=1))
def fail() -> None:
    raise ValueError("it was to fail")

@jobs.task
def parent() -> None:
    add.enqueue(1, 1)

@jobs.task(retry=Retry(attempts=2, backoff=0))
def stumble() -> int:
    if current_job().attempt == 1:
        raise ValueError("the first attempt fails")
    return 2
"""


@pytest.fixture(autouse=True)
def app(application: Callable[..., None]) -> None:
    """Write the application."""
    application(APP)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the file that jobs wait for."""
    return tmp_path / "gate"


@pytest.fixture
def enqueue(producer: JobQueue) -> Callable[..., JobHandle]:
    """Return what enqueues a job into the default queue."""
    return lambda task, **arguments: producer.queue("default").enqueue(task, arguments)


@pytest.fixture
def runs(producer: JobQueue) -> Callable[[JobHandle], None]:
    """Return what waits until a job runs, and until its worker waits for more jobs of its two queues."""
    server = producer.connections.sync_client().redis

    def wait(job: JobHandle, processes: int = 1) -> None:
        waits = processes * 2
        wait_until(lambda: job.state() is JobState.ACTIVE, "the job runs")
        wait_until(
            lambda: [client["cmd"] for client in server.client_list()].count("blmove") == waits, "all else waits"
        )

    return wait


# -- its end -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_lets_running_jobs_end(start, enqueue, runs, gate, number):
    job = enqueue("wait_for", path=str(gate))
    worker = start("worker", "app:jobs")
    runs(job)

    worker.signal(number)
    worker.says("1 jobs may take up to 30s to end")
    later = enqueue("add", a=1, b=1)
    gate.touch()

    assert worker.code() == 0
    assert job.state() is JobState.COMPLETED
    assert job.info().counts == Counts()
    assert later.state() is JobState.WAITING
    assert f"{number.name}: stopping when the running jobs have ended" in worker.log


def test_what_has_not_ended_in_time_is_handed_back_uncharged(start, enqueue, runs, gate):
    job = enqueue("wait_for", path=str(gate))
    worker = start("worker", "app:jobs", "--shutdown-timeout", "200ms")
    runs(job)

    worker.signal(signal.SIGTERM)

    assert worker.code() == 0
    info = job.info()
    assert info.state is JobState.WAITING
    assert (info.counts.interrupted, info.counts.failures, info.counts.lost) == (1, 0, 0)
    assert [run.outcome for run in info.history] == ["interrupted"]


def test_a_second_signal_hands_back_at_once(start, enqueue, runs, gate):
    job = enqueue("wait_for", path=str(gate))
    worker = start("worker", "app:jobs", "--shutdown-timeout", "10m")
    runs(job)
    worker.signal(signal.SIGINT)
    worker.says("may take up to 10m to end")

    worker.signal(signal.SIGINT)

    assert worker.code(timeout=10) == 0
    assert job.state() is JobState.WAITING
    assert job.info().counts.interrupted == 1
    assert "SIGINT again: stopping at once" in worker.log


def test_ctrl_c_in_a_terminal_lets_running_jobs_end(shell: Shell, enqueue, runs, gate):
    """The terminal sends the signal to all processes in the foreground; only the supervisor is to heed it."""
    job = enqueue("wait_for", path=str(gate))
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(shell.folder)
        os.execve(PROGRAM, [str(PROGRAM), "worker", "app:jobs"], shell.environment())
    runs(job)

    os.write(terminal, b"\x03")
    wait_until(lambda: b"may take up to" in os.read(terminal, 65536), "it stops")
    gate.touch()

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(terminal)
    assert job.state() is JobState.COMPLETED
    assert job.info().counts == Counts()


def test_a_signal_that_reaches_all_processes_is_one_signal(start, producer, enqueue, runs, gate):
    """So do systemd by default, and a container that is stopped as a group."""
    job = enqueue("wait_for", path=str(gate))
    worker = start("worker", "app:jobs")
    runs(job)

    worker.children[0].send_signal(signal.SIGTERM)
    worker.says("may take up to 30s to end")
    worker.signal(signal.SIGTERM)
    worker.says("stopping when the running jobs have ended")
    leases: set[datetime] = set()
    wait_until(
        lambda: (
            leases.update(worker.lease_until for worker in producer.queue("default").info().workers) or len(leases) > 2
        ),
        "it lives on for two heartbeats",
    )
    gate.touch()

    assert worker.code() == 0
    assert job.state() is JobState.COMPLETED
    assert job.info().counts.interrupted == 0


def test_a_signal_that_reaches_the_process_of_a_job_leaves_the_job_alone(start, enqueue, gate):
    job = enqueue("wait_apart", path=str(gate))
    worker = start("worker", "app:jobs")
    wait_until(lambda: job.info().progress, "the job runs in a process of its own")
    worker.signal(signal.SIGTERM)
    worker.says("1 jobs may take up to 30s to end")

    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(job.info().progress, number)
    gate.touch()

    assert worker.code() == 0
    assert job.state() is JobState.COMPLETED
    assert job.info().counts == Counts()


def test_a_signal_while_processes_are_being_started_is_not_lost(start):
    worker = start("worker", "app:jobs", "-p", "12")
    wait_until(lambda: worker.children, "the first of them is there")

    worker.signal(signal.SIGTERM)

    assert worker.code() == 0


def test_a_worker_that_is_killed_takes_its_processes_along(start, enqueue, runs, gate, tmp_path):
    job = enqueue("wait_for", path=str(gate))
    worker = start("worker", "app:jobs", "-p", "2", "--shutdown-timeout", "200ms")
    runs(job, processes=2)
    children = worker.children
    assert len(children) == 2

    worker.process.kill()
    worker.process.wait()

    wait_until(lambda: not processes_in(tmp_path), "its processes have ended", 5)
    assert job.state() is JobState.WAITING
    assert job.info().counts == Counts(interrupted=1)


# -- bursts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2])
def test_a_burst_runs_all_that_waits_and_ends(shell: Shell, producer: JobQueue, processes):
    added = [producer.queue("default").enqueue("add", {"a": n, "b": 1}) for n in range(50)]
    failed = producer.queue("default").enqueue("fail")
    sent = producer.queue("mail").enqueue("send")
    later = producer.queue("default").enqueue("add", {"a": 1, "b": 1}, delay=600)

    done = shell("worker", "app:jobs", "--burst", "-p", processes, "-c", "3")

    assert done.code == 0
    assert producer.results(added, timeout=0) == [n + 1 for n in range(50)]
    assert failed.state() is JobState.FAILED
    assert sent.result(timeout=0) == "sent"
    assert later.state() is JobState.DELAYED
    assert producer.queue("default").info().workers == ()


def test_a_burst_with_nothing_to_do_ends(shell: Shell):
    assert shell("worker", "app:jobs", "-b").code == 0


def test_a_burst_runs_what_its_jobs_enqueue_and_what_is_tried_again_at_once(shell: Shell, producer: JobQueue, enqueue):
    enqueue("parent")
    stumbling = enqueue("stumble")

    assert shell("worker", "app:jobs", "--burst").code == 0

    counts = producer.queue("default").info().counts
    assert (counts[JobState.COMPLETED], counts[JobState.WAITING]) == (3, 0)
    assert stumbling.result(timeout=0) == 2


# -- options -----------------------------------------------------------------------------------------------------------


def test_only_the_named_queues_are_served(shell: Shell, producer: JobQueue):
    sent, added = producer.queue("mail").enqueue("send"), producer.queue("default").enqueue("add", {"a": 1, "b": 1})

    assert shell("worker", "app:jobs", "-b", "-q", "mail, nobody-knows", "-q", "other").code == 0

    assert sent.state() is JobState.COMPLETED
    assert added.state() is JobState.WAITING
    assert set(producer.queues()) == {"default", "mail", "nobody-knows", "other"}


def test_no_more_jobs_run_at_once_than_is_allowed(start, producer: JobQueue, enqueue, gate):
    jobs = [enqueue("wait_for", path=str(gate)) for _ in range(5)]
    worker = start("worker", "app:jobs", "-p", "2", "-c", "2")
    wait_until(lambda: producer.queue("default").info().counts[JobState.ACTIVE] == 4, "four of five jobs run")

    assert [worker.concurrency for worker in producer.queue("default").info().workers] == [2, 2]
    assert producer.queue("default").info().counts[JobState.WAITING] == 1
    gate.touch()
    assert set(producer.results(jobs, timeout=10)) == {child.pid for child in worker.children}


def test_options_come_from_the_environment_too(start, producer: JobQueue):
    worker = start(
        "worker",
        JOBQUEUE_APP="app:jobs",
        JOBQUEUE_QUEUES="mail,parcels",
        JOBQUEUE_PROCESSES="2",
        JOBQUEUE_CONCURRENCY="3",
        JOBQUEUE_LOG_FORMAT="json",
        JOBQUEUE_LOG_LEVEL="debug",
        JOBQUEUE_SHUTDOWN_TIMEOUT="100ms",
    )

    worker.says("takes jobs", times=2)
    workers = producer.queue("parcels").info().workers
    assert [(worker.queues, worker.concurrency) for worker in workers] == [(("mail", "parcels"), 3)] * 2
    assert {json.loads(line)["level"] for line in worker.log.splitlines()} == {"debug", "info", "warning"}


def test_json_lines_carry_the_job(start, enqueue):
    job, failed = enqueue("add", a=1, b=1), enqueue("fail")
    worker = start("worker", "app:jobs", "--log-format", "json", "--log-level", "debug")
    wait_until(lambda: failed.state() is JobState.FAILED and job.state() is JobState.COMPLETED, "the jobs have ended")
    worker.says("failed for good")
    worker.signal(signal.SIGTERM)
    assert worker.code() == 0

    lines = [json.loads(line) for line in worker.log.splitlines()]

    assert all({"time", "level", "logger", "process", "message"} <= line.keys() for line in lines)
    assert {line["logger"] for line in lines} == {"jobqueue.worker", "jobqueue.supervisor"}
    of_job = [line for line in lines if line.get("job_id") == job.id]
    assert [(line["task"], line["queue"], line["attempt"], line["level"]) for line in of_job] == [
        ("add", "default", 1, "debug")
    ] * 2
    assert "completed in" in of_job[1]["message"]
    (bad,) = [line for line in lines if line.get("job_id") == failed.id and line["level"] == "error"]
    assert "ValueError: it was to fail" in bad["message"]


def test_a_quiet_worker_says_nothing(shell: Shell, enqueue):
    enqueue("add", a=1, b=1)

    done = shell("worker", "app:jobs", "-b", "-l", "warning")

    [of_the_server] = done.err.splitlines()  # the one of these tests keeps nothing
    assert (done.code, done.out, "a restart takes all jobs" in of_the_server) == (0, "", True)


# -- code that changes -------------------------------------------------------------------------------------------------


def test_changed_code_is_picked_up(start, application: Callable[..., None], producer: JobQueue, enqueue):
    worker = start("worker", "app:jobs", "--reload", "--shutdown-timeout", "0s")
    worker.says("takes jobs")
    (before,) = worker.children
    assert enqueue("add", a=1, b=1).result(timeout=10) == 2

    application(APP.replace("return a + b", "return (a + b) * 100"))

    worker.says("the code has changed: restarting")
    worker.says("takes jobs", times=2)
    assert enqueue("add", a=1, b=1).result(timeout=10) == 200
    assert [child.pid for child in worker.children] != [before.pid]


def test_broken_code_waits_for_its_repair(start, application: Callable[..., None], enqueue):
    application("this is no Python")
    worker = start("worker", "app:jobs", "--reload", "--shutdown-timeout", "0s")
    worker.says("it is started again when the code is changed")
    assert "SyntaxError" in worker.log

    application(APP)

    assert enqueue("add", a=1, b=1).result(timeout=10) == 2


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_yet_is_waited_for(start, tmp_path: Path):
    program = find_program({"PATH": os.environ["PATH"]})
    assert program is not None
    url = url_of(socket_path(tmp_path / "late"))
    worker = start("worker", "app:jobs", "--shutdown-timeout", "0s", JOBQUEUE_URL=url)
    worker.says("Trying until it answers")

    with EmbeddedServer(tmp_path / "late", program, ephemeral=True):
        jobs = JobQueue(url)
        assert jobs.queue("default").enqueue("add", {"a": 1, "b": 1}).result(timeout=10) == 2
        jobs.close()
        worker.signal(signal.SIGTERM)
        assert worker.code() == 0


def test_a_worker_can_be_stopped_while_it_waits_for_the_server(start, tmp_path: Path):
    worker = start("worker", "app:jobs", JOBQUEUE_URL=f"unix://{tmp_path}/none.sock")
    worker.says("Trying until it answers")

    worker.signal(signal.SIGTERM)

    assert worker.code(timeout=10) == 0
