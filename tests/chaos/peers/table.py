"""The peers: what is installed, how each is started, what was set, and what its commands are called."""

import sys
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).parent / "apps"
NODE_APPS = APPS / "bullmq"
MAX_RUNS = 10


@dataclass(frozen=True)
class Peer:
    """A job queue, and how it is put through the faults.

    Attributes:
        name: as it is called.
        requires: what is installed with pip, pinned; for the one on Node, its ``package.json`` says it.
        shown: the packages whose versions are in the report.
        worker: the command of a worker; ``{bin}`` is where the programs of its environment are, ``{url}`` the server,
            and ``{number}`` one of its own.
        producer: the command that enqueues.
        settings: what was set, in words.
        lease: seconds after which it gives up a worker that does not speak, as it was set.
        recovery: seconds within which it should have begun again what such a worker held.
        takes: the commands with which it takes jobs, as ``Sight`` reads them.
        enqueues: those with which it enqueues.
        acknowledges: those with which it says that a job is done.
        held: the keys in which jobs are that wait or run.
        failed: the keys in which jobs are that were given up.
        workers: how many workers run; together they run four jobs at a time.
        node: whether it runs on Node.
    """

    name: str
    requires: tuple[str, ...]
    shown: tuple[str, ...]
    worker: tuple[str, ...]
    producer: tuple[str, ...]
    settings: str
    lease: float
    recovery: float
    takes: tuple[str, ...]
    enqueues: tuple[str, ...]
    acknowledges: tuple[str, ...]
    held: tuple[str, ...]
    failed: tuple[str, ...] = ()
    workers: int = 2
    node: bool = False

    @property
    def key(self) -> str:
        """Its name on the command line."""
        return self.name.lower()


def _python(app: str) -> tuple[str, ...]:
    return ("{bin}/python", f"{APPS}/{app}_app.py")


PEERS = (
    Peer(
        name="jobqueue",
        requires=(),
        shown=("redis",),
        worker=(sys.executable, "-m", "jobqueue", "worker", "jobqueue_app:jobs", "-p", "1", "-c", "2"),
        producer=(sys.executable, f"{APPS}/jobqueue_app.py"),
        settings="`lease=5`, `max_lost=10`; 2 workers with `-p 1 -c 2`",
        lease=5,
        recovery=12,
        takes=("BLMOVE", "claim", "settle"),
        enqueues=("add",),
        acknowledges=("settle",),
        held=tuple(f"{{jobqueue:main}}:{name}" for name in ("wait", "held", "backlog", "delayed", "active", "inbox:*")),
        failed=("{jobqueue:main}:failed",),
    ),
    Peer(
        name="RQ",
        requires=("rq==2.12.0", "redis==8.1.0"),
        shown=("rq", "redis"),
        worker=(
            *("{bin}/rq", "worker", "main", "--url", "{url}"),
            *("--maintenance-interval", "2", "--job-monitoring-interval", "2"),
        ),
        producer=_python("rq"),
        settings="`retry=Retry(max=10)`, `--maintenance-interval 2`, `--job-monitoring-interval 2`; abandoned jobs are "
        "taken back after that interval and a minute, which is fixed; 4 workers, which fork for each job",
        lease=62,
        recovery=70,
        takes=("BLMOVE", "LMOVE"),
        enqueues=("EXEC RPUSH",),
        acknowledges=("EXEC ZREM",),
        held=("rq:queue:main", "rq:queue:main:intermediate", "rq:wip:main", "rq:scheduled:main"),
        failed=("rq:failed:main",),
        workers=4,
    ),
    Peer(
        name="Celery",
        requires=("celery==5.7.0", "kombu==5.7.0", "redis==8.1.0"),
        shown=("celery", "kombu", "redis"),
        worker=(
            *("{bin}/celery", "-A", "celery_app", "worker", "-c", "2", "--without-gossip", "--without-mingle"),
            *("-n", "w{number}@%h", "-l", "INFO"),
        ),
        producer=_python("celery"),
        settings="`task_acks_late`, `task_reject_on_worker_lost`, `worker_prefetch_multiplier=1`, "
        "`worker_cancel_long_running_tasks_on_connection_loss`, `visibility_timeout=5`, "
        "`unacked_restore_interval=1`, `unacked_restore_throttle=1`; 2 workers with `-c 2` "
        "(prefork)",
        lease=5,
        recovery=12,
        takes=("BRPOP",),
        enqueues=("LPUSH",),
        acknowledges=("EXEC HDEL",),
        held=("main", "unacked"),
    ),
    Peer(
        name="Dramatiq",
        requires=("dramatiq==2.2.1", "redis==8.1.0"),
        shown=("dramatiq", "redis"),
        worker=("{bin}/dramatiq", "dramatiq_app", "-p", "1", "-t", "2"),
        producer=_python("dramatiq"),
        settings="`heartbeat_timeout=5000` ms, `maintenance_chance=50000` of a million; 2 workers with `-p 1 -t 2`",
        lease=5,
        recovery=14,
        takes=("EVALSHA fetch",),
        enqueues=("EVALSHA enqueue",),
        acknowledges=("EVALSHA ack",),
        held=("dramatiq:main.msgs", "dramatiq:main.DQ.msgs"),
        failed=("dramatiq:main.XQ.msgs",),
    ),
    Peer(
        name="Huey",
        requires=("huey==3.5.4", "redis==8.1.0"),
        shown=("huey", "redis"),
        worker=("{bin}/huey_consumer", "huey_app.huey", "-w", "2", "-k", "process"),
        producer=_python("huey"),
        settings="`retries=10`, which is for errors; it has no acknowledgement; 2 consumers with `-w 2 -k process`",
        lease=5,
        recovery=8,
        takes=("BRPOP",),
        enqueues=("LPUSH",),
        acknowledges=(),
        held=("huey.redis.main", "huey.schedule.main"),
    ),
    Peer(
        name="ARQ",
        requires=("arq==0.28.0", "redis==5.3.1"),
        shown=("arq", "redis"),
        worker=("{bin}/arq", "arq_app.WorkerSettings"),
        producer=_python("arq"),
        settings="`max_tries=10`, `job_timeout=3`, `poll_delay=0.2`; a job is held for its timeout and 10 s, which are "
        "fixed; 2 workers with `max_jobs=2`",
        lease=13,
        recovery=20,
        takes=("EXEC PSETEX",),
        enqueues=("EXEC ZADD",),
        acknowledges=("EXEC ZREM",),
        held=("arq:queue", "arq:in-progress:*"),
        failed=("arq:result:*",),
    ),
    Peer(
        name="SAQ",
        requires=("saq[redis,hiredis]==0.26.4", "redis==7.4.1", "typing_extensions==4.16.0"),
        shown=("saq", "redis"),
        worker=("{bin}/saq", "saq_app.settings"),
        producer=_python("saq"),
        settings="`retries=10`, `timeout=5` of each job; the sweep stays at 60 s: it waits up to 5 s for each job "
        "that it takes back, and its lock lasts as long as its interval; 2 workers with `concurrency=2`",
        lease=65,
        recovery=190,
        takes=("BLMOVE",),
        enqueues=("EVALSHA", "EVAL"),
        acknowledges=("EXEC LREM",),
        held=("saq:main:queued", "saq:main:active", "saq:main:incomplete"),
    ),
    Peer(
        name="taskiq",
        requires=("taskiq==0.13.0", "taskiq-redis==1.2.4", "redis==8.1.0"),
        shown=("taskiq", "taskiq-redis", "redis"),
        worker=(
            *("{bin}/taskiq", "worker", "taskiq_app:broker", "-w", "1", "--max-async-tasks", "2"),
            *("--ack-type", "when_executed"),
        ),
        producer=_python("taskiq"),
        settings="`RedisStreamBroker` with `consumer_id='0'`, `idle_timeout=5000` ms, `xread_count=4`, "
        "`xread_block=1000`, `unacknowledged_lock_timeout=5`; `--ack-type when_executed`; 2 workers with `-w 1 "
        "--max-async-tasks 2`",
        lease=5,
        recovery=12,
        takes=("XREADGROUP",),
        enqueues=("XADD",),
        acknowledges=("XACK",),
        held=("main",),
    ),
    Peer(
        name="BullMQ",
        requires=(),
        shown=("bullmq", "ioredis"),
        worker=("node", "worker.mjs"),
        producer=("node", "producer.mjs"),
        settings="`lockDuration: 5000`, `stalledInterval: 2000`, `maxStalledCount: 10`, `maxRetriesPerRequest: null` "
        "of the worker; 2 workers with `concurrency: 2`",
        lease=5,
        recovery=14,
        takes=(
            *("BZPOPMIN", "EVALSHA ~Move next job to be processed", "EVAL ~Move next job to be processed"),
            *("EVALSHA ~Move job from active to a finished", "EVAL ~Move job from active to a finished"),
        ),
        enqueues=("EVALSHA", "EVAL"),
        acknowledges=("EVALSHA ~Move job from active to a finished", "EVAL ~Move job from active to a finished"),
        held=("bull:main:wait", "bull:main:active", "bull:main:delayed", "bull:main:prioritized"),
        failed=("bull:main:failed",),
        node=True,
    ),
)
