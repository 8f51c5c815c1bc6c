"""A web service that answers at once and does the work later: enqueue in the request, ask for the state in another.

    python examples/web_request.py                 # on $JOBQUEUE_URL, else on redis://localhost:6379/0

    POST /reports?year=2026      202 Accepted, Location: /reports/<id>
    GET  /reports/<id>           state, progress and, when it has completed, the result

The service is the standard library's HTTP server, whose handlers are plain functions. In an asyncio framework the same
calls begin with an "a": aenqueue, ainfo, aresult.
"""

import asyncio
import json
import threading
from http import HTTPStatus
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jobqueue import InvalidArguments, JobInfo, JobNotFound, JobQueue, JobState, ServerError, current_job
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")


@jobs.task(queue="web", timeout=60)
async def yearly_report(year: int) -> dict[str, int]:
    job = current_job()
    total = 0
    for month in range(1, 13):
        job.progress(month / 12)
        total += month * year
        await asyncio.sleep(0.01)  # stands for a query
    return {"year": year, "total": total}


class Service(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        try:
            # By name and as text, because that is what a request has. Wrong ones are refused here, not in a worker.
            job = jobs.queue("web").enqueue("yearly_report", {name: values[0] for name, values in query.items()})
        except InvalidArguments as error:
            self.answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})
        except ServerError as error:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})
        else:
            self.answer(HTTPStatus.ACCEPTED, {"id": job.id}, location=f"/reports/{job.id}")

    def do_GET(self) -> None:
        try:
            info = jobs.queue("web").job(self.path.rpartition("/")[2]).info()
        except JobNotFound as error:
            self.answer(HTTPStatus.NOT_FOUND, {"error": str(error)})
        else:
            self.answer(HTTPStatus.OK, page(info))

    def answer(self, status: HTTPStatus, body: dict[str, Any], location: str = "") -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def page(info: JobInfo) -> dict[str, Any]:
    """Return what a client may know of a job."""
    shown: dict[str, Any] = {"state": info.state.value, "progress": info.progress}
    if info.ending and info.state is JobState.COMPLETED:
        shown["result"] = json.loads(info.ending.result)
    elif info.ending:
        shown["error"] = info.ending.message
    return shown


def ask(port: int, method: str, path: str) -> tuple[int, str, dict[str, Any]]:
    """Make a request; return the status, the Location header and the body."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), json.loads(answer.read())
    finally:
        connection.close()


def visit(port: int) -> None:
    """Do what a browser would do."""
    status, _, body = ask(port, "POST", "/reports?year=MMXXVI")
    print(status, body["error"])
    status, location, _ = ask(port, "POST", "/reports?year=2026")
    print(status, "accepted")
    seen = set()
    while True:
        status, _, body = ask(port, "GET", location)
        seen.add(body["state"])
        if body["state"] in ("completed", "failed", "cancelled"):
            break
        threading.Event().wait(0.02)
    print(status, body["result"])


async def main() -> None:
    service = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=service.serve_forever, daemon=True).start()
    async with Worker(jobs, queues=["web"]):
        await asyncio.to_thread(visit, service.server_port)
    service.shutdown()
    service.server_close()
    await jobs.aclose()


if __name__ == "__main__":
    asyncio.run(main())
