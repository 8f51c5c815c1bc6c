"""The smallest complete program: a task, a worker in the same process, two jobs and their results.

python examples/first_steps.py                 # on $JOBQUEUE_URL, else on redis://localhost:6379/0
jobqueue dev examples.first_steps:jobs         # only the worker; starts a server if there is none
"""

import asyncio

from jobqueue import JobQueue, Retry
from jobqueue.worker import Worker

jobs = JobQueue()  # at $JOBQUEUE_URL or $REDIS_URL, else redis://localhost:6379/0


@jobs.task(retry=Retry(attempts=5), timeout=30)
async def greet(name: str, *, loud: bool = False) -> str:
    greeting = f"Hello, {name}"
    return greeting.upper() if loud else greeting


async def main() -> None:
    async with Worker(jobs):  # in production a process of its own: jobqueue worker first_steps:jobs
        now = await greet.aenqueue("Ada", loud=True)
        later = await greet.using(delay=0.5).aenqueue("Grace")
        print(await now.aresult(timeout=10), "/", await later.aresult(timeout=10))
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
