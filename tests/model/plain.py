"""A queue in plain Python: what the scripts must do, said once more without Redis."""

from dataclasses import dataclass, field

from jobqueue.job import Counts, OutcomeKind

ENDED = ("completed", "failed", "cancelled")


@dataclass
class PlainJob:
    """A job."""

    state: str
    due: int = 0
    counts: Counts = field(default_factory=Counts)
    token: int = 0
    holder: str = ""
    cancelling: bool = False
    topic: str = ""
    ended_at: int = 0
    expires_at: int | None = None
    history: list[str] = field(default_factory=list)


@dataclass
class PlainWorker:
    """A worker: alive in the registry, being reaped, or dead."""

    lease: int
    inbox: list[str] = field(default_factory=list)
    request: int = 0
    answer: tuple | None = None
    dead: bool = False
    buried_at: int = 0


class PlainQueue:
    """The rules of a queue. Times are milliseconds; the line is taken from its end."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.jobs: dict[str, PlainJob] = {}
        self.line: list[str] = []
        self.ghosts: set[str] = set()
        self.workers: dict[str, PlainWorker] = {}
        self.paused = False
        self.token = 0

    # -- where jobs lie ----------------------------------------------------------------------------------------------

    def admit(self, ids: list[str], front: bool = False) -> None:
        for job_id in ids:
            if job_id in self.ghosts:
                self.ghosts.remove(job_id)  # it still lies in the line, or in an inbox
            elif front:
                self.line.append(job_id)
            else:
                self.line.insert(0, job_id)

    def add(self, job_id: str, delay: int) -> bool:
        if job_id in self.jobs:
            return False
        if delay > 0:
            self.jobs[job_id] = PlainJob("delayed", due=self.now + delay)
        else:
            self.jobs[job_id] = PlainJob("waiting")
            self.admit([job_id])
        return True

    def blmove(self, worker: str) -> None:
        if self.line and not self.paused:
            self.workers[worker].inbox.insert(0, self.line.pop())

    def promote(self) -> None:
        due = sorted((job.due, job_id) for job_id, job in self.jobs.items() if job.state == "delayed")
        for moment, job_id in due:
            if moment <= self.now:
                self.jobs[job_id].state = "waiting"
                self.admit([job_id])

    # -- workers -----------------------------------------------------------------------------------------------------

    def live(self, worker: str) -> bool:
        return not self.workers[worker].dead and self.workers[worker].lease > self.now

    def exchange(self, worker: str, outcomes: list, n: int) -> tuple[list[bool], list[tuple[str, int]] | None]:
        """Settle and claim; what was claimed is None without a live lease."""
        applied = [self.settle(*outcome) for outcome in outcomes]
        self.admit_settled(outcomes, applied)
        claimed = self.claim(worker, n) if self.live(worker) else None
        return applied, claimed

    def claim(self, worker: str, n: int) -> list[tuple[str, int]]:
        inbox = self.workers[worker].inbox
        taken = [job_id for job_id in inbox if not self.drop_ghost(job_id)]
        inbox.clear()
        self.admit(taken[n:][::-1], front=True)
        taken = taken[:n]
        while len(taken) < n and self.line and not self.paused:
            job_id = self.line.pop()
            if not self.drop_ghost(job_id):
                taken.append(job_id)
        claimed = []
        first = max(self.token + 1, self.now * 1000)
        for place, job_id in enumerate(taken):
            job = self.jobs[job_id]
            job.state, job.holder, job.token = "active", worker, first + place
            claimed.append((job_id, job.token))
        if claimed:
            self.token = claimed[-1][1]
        return claimed

    def drop_ghost(self, job_id: str) -> bool:
        if job_id in self.ghosts:
            self.ghosts.remove(job_id)
            return True
        return False

    def settle(
        self, job_id: str, token: int, kind: OutcomeKind, number: int, topic: str = "", max_lost: int = 3
    ) -> bool:
        job = self.jobs.get(job_id)
        if job is None or job.state != "active" or job.token != token:
            return False
        asked, job.cancelling = job.cancelling, False
        job.holder = ""
        comes_back = kind not in (OutcomeKind.COMPLETED, OutcomeKind.FAILED, OutcomeKind.CANCELLED)
        if asked and comes_back:
            self.end(job, "cancelled")
        elif kind is OutcomeKind.COMPLETED:
            self.end(job, "completed")
            if number == 0:
                del self.jobs[job_id]
            elif number > 0:
                job.expires_at = self.now + number
        elif kind is OutcomeKind.FAILED:
            job.counts = job.counts._replace(failures=job.counts.failures + 1)
            self.end(job, "failed")
        elif kind is OutcomeKind.CANCELLED:
            self.end(job, "cancelled")
        elif kind is OutcomeKind.PARKED:
            job.state, job.topic = "waiting", topic
        else:
            field_name = {"retried": "failures"}.get(kind.value, kind.value)
            job.counts = job.counts._replace(**{field_name: getattr(job.counts, field_name) + 1})
            if kind is not OutcomeKind.SNOOZED:
                job.history.append(kind.value)
            if kind is OutcomeKind.LOST and job.counts.lost >= max_lost:
                self.end(job, "failed")
            elif kind in (OutcomeKind.RETRIED, OutcomeKind.SNOOZED) and number > 0:
                job.state, job.due = "delayed", self.now + number
            else:
                job.state = "waiting"
        return True

    def admit_settled(self, outcomes: list, applied: list[bool]) -> None:
        """Put what waits again into the line: the lost and interrupted at the head, the others at the end."""
        for wanted in (OutcomeKind.LOST, OutcomeKind.INTERRUPTED):
            self.admit(self._again(outcomes, applied, (wanted,)), front=True)
        self.admit(self._again(outcomes, applied, (OutcomeKind.RETRIED, OutcomeKind.SNOOZED)))

    def _again(self, outcomes: list, applied: list[bool], kinds: tuple[OutcomeKind, ...]) -> list[str]:
        return [
            outcome[0]
            for outcome, counted in zip(outcomes, applied, strict=True)
            if counted and outcome[2] in kinds and self.jobs[outcome[0]].state == "waiting"
        ]

    def end(self, job: PlainJob, state: str) -> None:
        job.state, job.ended_at, job.expires_at = state, self.now, None

    def reap(self, worker: str, kind: OutcomeKind, force: bool) -> None:
        found = self.workers[worker]
        if not found.dead and found.lease > self.now and not force:
            return
        inbox, found.inbox = found.inbox, []
        self.admit(inbox, front=True)
        if found.dead:
            if self.now - found.buried_at > 600_000:
                del self.workers[worker]
            return
        found.dead, found.buried_at = True, self.now

    def held_by(self, worker: str) -> list[str]:
        return [job_id for job_id, job in self.jobs.items() if job.state == "active" and job.holder == worker]

    # -- people ------------------------------------------------------------------------------------------------------

    def withdraw(self, job_id: str) -> None:
        job = self.jobs[job_id]
        if job.state == "waiting" and not job.topic:
            self.ghosts.add(job_id)
        job.topic = ""

    def cancel(self, job_id: str) -> str | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        found = job.state
        if found == "active":
            job.cancelling = True
        elif found in ("waiting", "delayed"):
            self.withdraw(job_id)
            self.end(job, "cancelled")
        return found

    def remove(self, job_id: str) -> str | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        if job.state != "active":
            if job.state in ("waiting", "delayed"):
                self.withdraw(job_id)
            del self.jobs[job_id]
        return job.state

    def retry(self, job_id: str) -> str | None:
        job = self.jobs.get(job_id)
        if job is None:
            return None
        found = job.state
        if found in ("failed", "cancelled"):
            job.history.append(found)
            job.counts = job.counts._replace(failures=0, lost=0)
            job.state = "waiting"
            self.admit([job_id])
        return found

    def unpark(self, known: list[tuple[str, str]]) -> list[str]:
        found = []
        for task, fingerprint in known:
            for job_id, job in self.jobs.items():
                name, _, version = job.topic.partition("|")
                if job.topic and name == task and version != fingerprint:
                    found.append(job_id)
        for job_id in found:
            self.jobs[job_id].topic = ""
        return found

    def prune(self, ages: dict[str, int], counts: dict[str, int]) -> None:
        for job_id in [job_id for job_id, job in self.jobs.items() if self._expired(job)]:
            del self.jobs[job_id]
        for state in ENDED:
            ended = sorted((job.ended_at, job_id) for job_id, job in self.jobs.items() if job.state == state)
            excess = len(ended) - counts[state]
            for place, (ended_at, job_id) in enumerate(ended):
                if place < excess or ended_at <= self.now - ages[state]:
                    del self.jobs[job_id]

    def _expired(self, job: PlainJob) -> bool:
        return job.state == "completed" and job.expires_at is not None and job.expires_at <= self.now
