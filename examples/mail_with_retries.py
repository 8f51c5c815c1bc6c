"""Mail that is sent again when it fails: retry policies, a server that says when, failed jobs looked at and retried.

    python examples/mail_with_retries.py           # on $JOBQUEUE_URL, else on redis://localhost:6379/0

The mail server is a class of this file that fails as real ones do. Nothing leaves the machine.
"""

import asyncio

from jobqueue import Exponential, JobFailed, JobHandle, JobQueue, Retry, RetryAfter, current_job
from jobqueue.worker import Worker

jobs = JobQueue(prefix="examples")


class ConnectionDropped(Exception):
    """The server went away. It may be back soon."""


class Busy(Exception):
    """The server wants to be left alone for a while, and says for how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds} s")
        self.seconds = seconds


class NoSuchMailbox(Exception):
    """The address does not exist. Sending again does not help."""


class MailServer:
    """Drops the first connection of grace@example.org, is busy once for ada@example.org, and knows no typos."""

    def __init__(self) -> None:
        self.mailboxes = {"ada@example.org", "grace@example.org"}
        self.delivered: list[str] = []
        self._moods: dict[str, list[Exception]] = {
            "grace@example.org": [ConnectionDropped("connection reset by peer")],
            "ada@example.org": [Busy(0.2)],
        }

    def deliver(self, to: str) -> None:
        if to not in self.mailboxes:
            raise NoSuchMailbox(to)
        if moods := self._moods.get(to):
            raise moods.pop(0)
        self.delivered.append(to)


server = MailServer()


# All exceptions are worth another attempt but one. The waits are short because somebody is looking on: leave `backoff`
# out for 2, 4, 8 ... seconds, each drawn at random between 0 and that.
@jobs.task(queue="mail", retry=Retry(attempts=5, backoff=Exponential(base=0.1, cap=60), never=NoSuchMailbox))
async def send_mail(to: str, subject: str) -> str:
    job = current_job()
    try:
        server.deliver(to)
    except Busy as busy:
        # The server knows better than the policy how long to wait. The attempt counts all the same.
        raise RetryAfter(busy.seconds, reason=str(busy)) from busy
    return f"{subject!r} to {to} at attempt {job.attempt} of {job.max_attempts}"


async def report(job: JobHandle[str]) -> None:
    """Print what became of a job, and of the attempts before."""
    try:
        print("sent:", await job.aresult(timeout=10))
    except JobFailed as failure:
        print(f"failed: {failure.error_type}: {failure.error_message}")
    for attempt in (await job.ainfo()).history:
        print(f"    before: {attempt.outcome}, {attempt.error_type}: {attempt.message}")


async def main() -> None:
    async with Worker(jobs, queues=["mail"]):
        people = ["grace@example.org", "ada@example.org", "charles@example.org"]
        for mail in [await send_mail.aenqueue(person, "Minutes") for person in people]:
            await report(mail)

        # Charles has no mailbox yet. His job is kept among the failed ones until somebody retries or removes it, or
        # its retention has passed: seven days, unless JobQueue(retention=...) says otherwise.
        server.mailboxes.add("charles@example.org")
        async for failed in jobs.queue("mail").ajobs("failed"):
            print(f"retrying {failed.task}({failed.args['to']})")
            mail = jobs.queue("mail").job(failed.id)
            await mail.aretry()
            await report(mail)
    await jobs.aclose()
    print(f"delivered: {len(server.delivered)}")


if __name__ == "__main__":
    asyncio.run(main())
