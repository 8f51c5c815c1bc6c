"""Probes, and completion in a shell."""

import shutil
import socket
import subprocess

import pytest
from cli.commands import PROGRAM, Shell

from jobqueue import JobQueue

APP = "from jobqueue import JobQueue\njobs = JobQueue()\n@jobs.task\ndef work() -> None: ...\n"


def test_a_queue_that_nobody_serves_is_a_problem_when_jobs_wait(shell: Shell, producer: JobQueue, application, start):
    assert shell("health").out == "ok: 0 queues, 0 workers\n"
    job = producer.queue("default").enqueue("work")
    nobody, named, here, unknown = shell.all(
        ("health",),
        ("health", "-q", "default", "--min-workers", "0", "--max-wait", "1ms"),
        ("health", "--here", "--min-workers", "0", "--json"),
        ("health", "-q", "nosuch"),
    )
    assert (nobody.code, nobody.complaint) == (1, "Error: queue default has no worker, and 1 job waits")
    assert named.code == 1
    assert "the next job of queue default has waited for" in named.complaint
    assert here.code == 1
    assert not here.json["ok"]
    assert here.json["problems"] == [
        {"queue": None, "check": "here", "message": f"no worker of host {socket.gethostname()} is alive"}
    ]
    assert (unknown.code, "never used" in unknown.complaint) == (1, True)
    application(APP)
    start("worker", "app:jobs").says("takes jobs")
    job.result(10)
    fine, more = shell.all(("health", "--here", "--max-wait", "1h"), ("health", "-q", "default", "--min-workers", "2"))
    assert (fine.code, fine.out) == (0, "ok: 1 queue, 1 worker\n")
    assert (more.code, more.complaint) == (1, "Error: queue default has 1 worker, and 0 jobs wait")


async def test_the_face_for_asyncio(real_server):
    jobs = JobQueue(real_server.url)
    await jobs.queue("default").aenqueue("work")
    health = await jobs.inspect.ahealth()
    assert [(problem.queue, problem.check) for problem in health.problems] == [("default", "workers")]
    assert not health.ok
    await jobs.aclose()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_commands(tmp_path):
    script = f"""
    PATH={PROGRAM.parent}:$PATH
    eval "$(jobqueue completion bash)"
    COMP_WORDS=(jobqueue job l) COMP_CWORD=2
    _jobqueue_completion jobqueue
    echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True, timeout=30)
    assert done.stdout.split() == ["list", "logs"]


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_scripts_for_other_shells(shell: Shell, name):
    assert "_JOBQUEUE_COMPLETE" in shell("completion", name).out
