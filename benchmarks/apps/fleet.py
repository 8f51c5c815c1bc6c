"""Many workers of jobqueue in one process that have nothing to do, each with connections of its own."""

import asyncio
import logging
import os
import signal
import sys
from contextlib import AsyncExitStack

from jobqueue import JobQueue
from jobqueue.worker import Worker


async def main(count: int) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            jobs = JobQueue(os.environ["BENCH_URL"])
            stack.push_async_callback(jobs.aclose)

            @jobs.task(name="work")
            async def work() -> None:
                return None

            await stack.enter_async_context(Worker(jobs))
        print("ready", flush=True)
        await stopped.wait()


logging.disable(logging.WARNING)  # each worker would say what such a server may lose
asyncio.run(main(int(sys.argv[1])))
