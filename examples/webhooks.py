"""Webhooks to a receiver that fails in every way it can: timeouts, Retry-After, a snooze, and an idempotency key.

    python examples/webhooks.py                    # on $JOBQUEUE_URL, else on redis://localhost:6379/0

The receiver is a small HTTP server in this program, at a free port of this machine.
"""

import asyncio
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from jobqueue import JobQueue, Retry, RetryAfter, Snooze, current_job
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")

PATIENCE = 5.0
"""Seconds that the receiver has to answer."""


class Refused(Exception):
    """The receiver says that the request is wrong. It will not like it better the next time."""


# The receiver sees the id of the job as an idempotency key. All attempts of a job share it, and so does a run that was
# repeated because a worker died after the request and before it could say so.
@jobs.task(queue="webhooks", timeout=4 * PATIENCE, retry=Retry(attempts=8, backoff=0.1, never=Refused))
def deliver(port: int, event: str) -> str:
    job = current_job()
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("POST", f"/{event}", body=b"{}", headers={"Idempotency-Key": job.id})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status == 429:
        # It counts as an attempt, but the receiver says when the next one is welcome.
        raise RetryAfter(float(answer.getheader("Retry-After", "1")), reason="429 Too Many Requests")
    if answer.status == 503:
        # Known to be under maintenance: nobody's failure, so no attempt is charged.
        raise Snooze(0.2)
    if 400 <= answer.status < 500:
        raise Refused(f"{answer.status} {answer.reason}")
    if answer.status >= 500:
        raise RuntimeError(f"{answer.status} {answer.reason}")  # tried again as the policy says
    return f"{answer.status} at attempt {job.attempt}"


class Receiver(ThreadingHTTPServer):
    """Misbehaves the first time it hears of an event, and does its work once for each idempotency key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.known: set[str] = set()
        self.handled: dict[str, str] = {}


class Request(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        event, key = self.path.strip("/"), self.headers["Idempotency-Key"]
        first = event not in self.server.known
        self.server.known.add(event)
        if first and event == "too-many":
            self.answer(429, ("Retry-After", "0.2"))
        elif first and event == "maintenance":
            self.answer(503)
        else:
            self.server.handled.setdefault(key, event)
            if first and event == "no-answer":
                # The work is done, and the answer is lost on its way: the one case that a sender cannot tell apart.
                self.close_connection = True
            else:
                self.answer(200)

    def answer(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


async def main() -> None:
    receiver = Receiver()
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    async with Worker(jobs, queues=["webhooks"]):
        events = ["plain", "too-many", "maintenance", "no-answer"]
        sent = [await deliver.aenqueue(receiver.server_port, event) for event in events]
        for event, job in zip(events, sent, strict=True):
            result, counts = await job.aresult(timeout=20), (await job.ainfo()).counts
            print(f"{event}: {result}, {counts.failures} failures, {counts.snoozed} snoozes")
    await jobs.aclose()
    receiver.shutdown()
    receiver.server_close()
    print(f"the receiver has handled {len(receiver.handled)} events, each once")


if __name__ == "__main__":
    asyncio.run(main())
