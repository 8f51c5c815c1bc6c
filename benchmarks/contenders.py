"""Who is measured: what is installed, how a worker is started, what was set, and what is promised and stored.

Each has the best of its documented settings that were tried for no-op jobs, and the same one in all cases. Only where
jobs wait for something, the number of them that run at once is that of the case, for everybody.
"""

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

HERE = Path(__file__).parent
NODE_APPS = HERE / "apps" / "bullmq"


@dataclass(frozen=True)
class Contender:
    """A job queue in one of its settings.

    Attributes:
        key: its name on the command line.
        name: as it is called.
        home: the environment that it has, which several settings may share; empty for our own.
        requires: what is installed with pip, pinned; for the one on Node, its ``package.json`` says it.
        shown: the packages whose versions are in the report.
        app: the module of its application, and of another producer than ``PRODUCER`` in it.
        worker: the command of a worker. ``{bin}`` is where the programs of its environment are, ``{concurrency}`` how
            many jobs run at once, ``{processes}`` how many processes.
        settings: what was set, in words.
        guarantee: what it promises of a job whose worker dies.
        keeps: what is stored of a job that has ended.
        concurrency: how many no-op jobs run at once, in each process.
        waiting: the command of a worker whose jobs wait, where it is another one.
        kind: the variable with which its application tells its settings apart.
        variables: others.
        runs: where its jobs run: on an event loop, in threads or in processes.
        bulk: whether it has a call that enqueues many jobs.
        gathers: whether calls that enqueue can be under way at the same time.
        results: whether it keeps results that a caller can wait for.
        results_kind: as ``kind``, where results are to be kept, if they are not otherwise.
        share: what part of the jobs of a case it is given, because it is slow.
        node: whether it runs on Node.
    """

    key: str
    name: str
    app: str
    worker: tuple[str, ...]
    settings: str
    guarantee: str
    keeps: str
    home: str = ""
    requires: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    concurrency: int = 100
    waiting: tuple[str, ...] = ()
    kind: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    runs: str = "loop"
    bulk: bool = False
    gathers: bool = False
    results: bool = False
    results_kind: str = ""
    share: float = 1.0
    node: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is jobqueue."""
        return not self.home

    @property
    def copies(self) -> bool:
        """Whether several processes are several workers."""
        return not any("{processes}" in word for word in self.worker)


_OURS = Contender(
    key="jobqueue",
    name="jobqueue",
    app="jobqueue_app",
    worker=(
        *(sys.executable, "-m", "jobqueue", "worker", "apps.jobqueue_app:jobs"),
        *("-p", "{processes}", "-c", "{concurrency}", "--log-level", "error"),
    ),
    settings="`-c 100`",
    guarantee="at least once",
    keeps="state, times, result; the last 10,000",
    shown=("redis", "hiredis", "uvloop"),
    bulk=True,
    gathers=True,
    results=True,
)
_TASKIQ = Contender(
    key="taskiq-list",
    name="taskiq, list",
    app="taskiq_app",
    worker=(
        *("{bin}/taskiq", "worker", "apps.taskiq_app:broker", "--workers", "{processes}"),
        *("--max-async-tasks", "{concurrency}", "--log-level", "ERROR"),
    ),
    share=0.15,
    settings="`ListQueueBroker`, `--max-async-tasks 100`",
    guarantee="at most once",
    keeps="nothing",
    home="taskiq",
    requires=("taskiq==0.13.0", "taskiq-redis==1.2.4", "redis==8.1.0", "hiredis==3.5.0", "uvloop==0.23.0"),
    shown=("taskiq", "taskiq-redis", "redis", "hiredis", "uvloop"),
    kind="list",
    gathers=True,
)
_CELERY = Contender(
    key="celery-late",
    name="Celery, late ack",
    app="celery_app",
    worker=(
        *("{bin}/celery", "-A", "apps.celery_app", "worker", "-P", "solo", "-l", "ERROR"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "-n", "w{number}@%h"),
    ),
    waiting=(
        *("{bin}/celery", "-A", "apps.celery_app", "worker", "-P", "threads", "-c", "{concurrency}", "-l", "ERROR"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "-n", "w{number}@%h"),
    ),
    settings="`-P solo`, `task_acks_late`, `task_reject_on_worker_lost`, `worker_prefetch_multiplier=100`, "
    "`task_ignore_result`; `-P threads` where jobs wait",
    guarantee="at least once, after an hour",
    keeps="nothing",
    home="celery",
    requires=("celery==5.7.0", "kombu==5.7.0", "redis==8.1.0", "hiredis==3.5.0", "packaging==26.3"),
    shown=("celery", "kombu", "redis", "hiredis"),
    concurrency=1,
    kind="late",
    variables={"BENCH_PREFETCH": "100"},
    runs="threads",
    share=0.05,
)
_RQ = Contender(
    key="rq",
    name="RQ, simple",
    app="rq_app",
    worker=("{bin}/rq", "worker", "--url", "{url}", "--worker-class", "rq.worker.SimpleWorker", "--quiet", "bench"),
    settings="`SimpleWorker`: jobs run in the process of the worker, one at a time",
    guarantee="at most once, and kept as failed",
    keeps="state, times, result; 500 s",
    home="rq",
    requires=("rq==2.12.0", "redis==8.1.0", "hiredis==3.5.0"),
    shown=("rq", "redis", "hiredis"),
    concurrency=1,
    kind="simple",
    runs="processes",
    bulk=True,
    results=True,
    share=0.05,
)

CONTENDERS = (
    _OURS,
    replace(
        _OURS,
        key="jobqueue-threads",
        name="jobqueue, threads",
        settings="plain functions, `-c 32`",
        concurrency=32,
        kind="threads",
        runs="threads",
    ),
    Contender(
        key="bullmq",
        name="BullMQ (Node)",
        app="bullmq",
        worker=("node", "worker.mjs"),
        settings="`concurrency: 50`",
        guarantee="at least once",
        keeps="state, times, result; all",
        home="bullmq",
        shown=("bullmq", "ioredis"),
        concurrency=50,
        bulk=True,
        gathers=True,
        results=True,
        node=True,
    ),
    Contender(
        key="bullmq-python",
        name="BullMQ (Python)",
        app="bullmq_app",
        worker=("{bin}/python", "-m", "apps.bullmq_app"),
        settings="`concurrency: 10`, uvloop",
        guarantee="at least once",
        keeps="state, times, result; all",
        home="bullmq-python",
        requires=("bullmq==3.4.4", "redis==8.1.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        shown=("bullmq", "redis", "hiredis", "uvloop"),
        concurrency=10,
        bulk=True,
        gathers=True,
        results=True,
        share=0.1,
    ),
    Contender(
        key="dramatiq",
        name="Dramatiq",
        app="dramatiq_app",
        worker=(
            *("{bin}/dramatiq", "apps.dramatiq_app", "--processes", "{processes}"),
            *("--threads", "{concurrency}", "--skip-logging"),
        ),
        settings="`--threads 32`, `dramatiq_queue_prefetch=1000`",
        guarantee="at least once",
        keeps="nothing",
        home="dramatiq",
        requires=("dramatiq==2.2.1", "redis==8.1.0", "hiredis==3.5.0"),
        shown=("dramatiq", "redis", "hiredis"),
        concurrency=32,
        kind="plain",
        variables={"dramatiq_queue_prefetch": "1000"},
        results=True,
        results_kind="results",
        runs="threads",
        share=0.25,
    ),
    replace(
        _TASKIQ,
        key="taskiq-stream",
        name="taskiq, stream",
        settings="`RedisStreamBroker`, `--max-async-tasks 100`",
        guarantee="at least once",
        keeps="the message: the stream is not trimmed by default",
        kind="stream",
    ),
    replace(
        _TASKIQ,
        key="taskiq-results",
        name="taskiq, stream, results",
        settings="`RedisStreamBroker`, `RedisAsyncResultBackend` for an hour, `--max-async-tasks 100`",
        guarantee="at least once",
        keeps="the message, as above; result, 1 h",
        kind="stream+results",
        results=True,
    ),
    _TASKIQ,
    Contender(
        key="saq",
        name="SAQ",
        app="saq_app",
        worker=("{bin}/saq", "apps.saq_app.settings", "--workers", "{processes}"),
        settings="`concurrency=10`, uvloop",
        guarantee="at least once",
        keeps="state, times, result; 10 min",
        home="saq",
        requires=(
            *("saq[redis,hiredis]==0.26.4", "redis==7.4.1", "hiredis==3.5.0"),
            *("typing_extensions==4.16.0", "uvloop==0.23.0"),
        ),
        shown=("saq", "redis", "hiredis", "uvloop"),
        concurrency=10,
        gathers=True,
        results=True,
        share=0.1,
    ),
    Contender(
        key="arq",
        name="ARQ",
        app="arq_app",
        worker=("{bin}/arq", "apps.arq_app.WorkerSettings"),
        settings="`max_jobs=1000`, `poll_delay=0.01` (the default is 0.5), uvloop",
        guarantee="at least once",
        keeps="result, times; 1 h",
        home="arq",
        requires=("arq==0.28.0", "redis==5.3.1", "hiredis==3.5.0", "uvloop==0.23.0"),
        shown=("arq", "redis", "hiredis", "uvloop"),
        concurrency=1000,
        gathers=True,
        results=True,
        share=0.1,
    ),
    Contender(
        key="streaq",
        name="streaQ",
        app="streaq_app",
        worker=("{bin}/streaq", "run", "apps.streaq_app:worker", "--workers", "{processes}"),
        settings="`concurrency=100`, uvloop",
        guarantee="at least once",
        keeps="state, times, result; 5 min",
        home="streaq",
        requires=("streaq==7.2.0", "uvloop==0.23.0"),
        shown=("streaq", "coredis", "uvloop"),
        bulk=True,
        gathers=True,
        results=True,
        share=0.05,
    ),
    Contender(
        key="docket",
        name="Docket",
        app="docket_app",
        worker=("{bin}/python", "-m", "apps.docket_app"),
        settings="`concurrency=100`, uvloop",
        guarantee="at least once",
        keeps="state, times, result; 15 min",
        home="docket",
        requires=("pydocket==0.27.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        shown=("pydocket", "redis", "hiredis", "uvloop"),
        bulk=True,
        gathers=True,
        results=True,
        share=0.1,
    ),
    Contender(
        key="huey",
        name="Huey",
        app="huey_app",
        worker=("{bin}/huey_consumer", "apps.huey_app.huey", "-w", "{processes}", "-k", "process", "-q"),
        waiting=("{bin}/huey_consumer", "apps.huey_app.huey", "-w", "{concurrency}", "-k", "thread", "-q"),
        settings="`-k process`; `-k thread` where jobs wait",
        guarantee="at most once",
        keeps="nothing",
        home="huey",
        requires=("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0"),
        shown=("huey", "redis", "hiredis"),
        concurrency=1,
        kind="plain",
        runs="processes",
        results=True,
        results_kind="results",
        share=0.25,
    ),
    _CELERY,
    replace(
        _CELERY,
        key="celery-early",
        name="Celery, early ack",
        settings="`-P solo`, `worker_prefetch_multiplier=100`, `task_ignore_result`; `-P threads` where jobs wait",
        guarantee="at most once",
        kind="early",
    ),
    replace(
        _CELERY,
        key="celery-results",
        name="Celery, late ack, results",
        settings="as late ack, with the result backend for Redis",
        keeps="result; 1 day",
        kind="late+results",
        results=True,
    ),
    _RQ,
    replace(
        _RQ,
        key="rq-fork",
        name="RQ, fork",
        worker=("{bin}/rq", "worker", "--url", "{url}", "--quiet", "bench"),
        settings="`Worker`: a process for each job",
        kind="fork",
        share=0.02,
    ),
)
