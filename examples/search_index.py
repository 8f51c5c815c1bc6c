"""Many jobs in one call: documents are indexed a hundred at a time, and each has a result of its own.

python examples/search_index.py                # on $JOBQUEUE_URL, else on redis://localhost:6379/0
jobqueue dev examples.search_index:jobs        # only the worker; starts a server if there is none
"""

import asyncio
from dataclasses import dataclass

from jobqueue import Batch, JobFailed, JobQueue
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")
calls: list[int] = []


@dataclass
class Document:
    number: int
    text: str


class EmptyDocument(Exception):
    """There is nothing to index."""


@jobs.task(queue="search_index", batch=Batch(size=100, wait=0.5), retry=1)
async def index(documents: list[Document]) -> list[int | Exception]:
    calls.append(len(documents))
    await asyncio.sleep(0.01)  # one request to a search engine, which takes many documents at once
    return [len(document.text.split()) if document.text else EmptyDocument() for document in documents]


async def main() -> None:
    documents = [Document(number, "to be or not to be" if number != 7 else "") for number in range(250)]
    handles = await jobs.aenqueue_many(index.draft(document) for document in documents)
    async with Worker(jobs, concurrency=5):
        words = await jobs.aresults([handle for handle in handles if handle is not handles[7]], timeout=20)
        *others, last = calls
        sizes = f"{', '.join(map(str, others))} and {last}"
        print(f"{len(words) + 1} documents indexed in {len(calls)} calls of {sizes}")
        try:
            await handles[7].aresult(timeout=5)
        except JobFailed as error:
            print(f"document 7 is empty: failed with {error.error_type}")
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
