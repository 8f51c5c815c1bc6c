"""Flows: jobs that wait for one another, enqueued together or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from jobqueue.dependencies import After
from jobqueue.errors import DependencyCycle, InvalidOption
from jobqueue.signals import Waitable
from jobqueue.task import Draft

R = TypeVar("R")
S = TypeVar("S")
A = TypeVar("A")
R_co = TypeVar("R_co", covariant=True)


class Flow(Generic[R_co]):
    """A job, and those that have to end before it starts: a tree, or any graph without a circle.

    Args:
        job: the job, as ``task.draft(...)`` returns it.
        after: what it waits for: drafts, flows, groups, handles of jobs that exist, or ``After(one of these,
            on_failure=...)``. A flow that is named twice is one job.

    Raises:
        InvalidOption: something else is to be waited for, or the job is one that may be taken for a duplicate.
    """

    def __init__(
        self, job: Draft[R_co], after: "Waitable | After | Group[Any] | Iterable[Waitable | After | Group[Any]]" = ()
    ) -> None:
        if not isinstance(job, Draft):
            raise InvalidOption(f"Flow() takes a draft, task.draft(...), not {job!r}")
        if job.steering is not None and job.steering.dedup is not None:
            raise InvalidOption(
                f"a job of {job.task!r} may be taken for a duplicate of another: it cannot be in a flow"
            )
        self.job = job
        self.after = tuple(_nodes(after))

    def __repr__(self) -> str:
        return f"<Flow {self.job.task} after {len(self.after)}>"

    @property
    def queue(self) -> str | None:
        """The queue of its job."""
        return self.job.queue

    def then(self, job: Draft[S]) -> "Flow[S]":
        """Return a flow in which another job comes after this one."""
        return Flow(job, after=[self])

    def in_order(self) -> "list[Flow[Any]]":
        """Return this flow and all below it, each after those that it waits for.

        Raises:
            DependencyCycle: one waits for itself in the end.
        """
        ordered: list[Flow[Any]] = []
        done: set[int] = set()
        above: dict[int, Flow[Any]] = {id(self): self}
        # Not recursive: a chain may be longer than Python's stack.
        stack: list[tuple[Flow[Any], Iterator[After]]] = [(self, iter(self.after))]
        while stack:
            flow, rest = stack[-1]
            for entry in rest:
                below = entry.job
                if not isinstance(below, Flow) or id(below) in done:
                    continue
                if id(below) in above:
                    names = " -> ".join(found.job.task for found in [*above.values(), below])
                    raise DependencyCycle(f"a job would wait for itself: {names}")
                above[id(below)] = below
                stack.append((below, iter(below.after)))
                break
            else:
                stack.pop()
                del above[id(flow)]
                done.add(id(flow))
                ordered.append(flow)
        return ordered


@dataclass(frozen=True, slots=True)
class Group(Generic[R_co]):
    """Jobs that run side by side.

    Attributes:
        flows: the jobs.
    """

    flows: tuple[Flow[R_co], ...]


def group(jobs: Iterable[Draft[R] | Flow[R]]) -> Group[R]:
    """Return jobs that run side by side; ``JobQueue.enqueue_flow`` takes them, and returns a handle for each."""
    return Group(tuple(job if isinstance(job, Flow) else Flow(job) for job in jobs))


def chord(header: Iterable[Draft[Any] | Flow[Any]] | Group[Any], callback: Draft[R]) -> Flow[R]:
    """Return a job that runs when all of others have completed."""
    return Flow(callback, after=header if isinstance(header, Group) else group(header))


Step = Draft[A] | Flow[A] | Group[A]


@overload
def chain(first: Step[Any], last: Draft[R], /) -> Flow[R]: ...
@overload
def chain(first: Step[Any], second: Step[Any], last: Draft[R], /) -> Flow[R]: ...
@overload
def chain(first: Step[Any], second: Step[Any], third: Step[Any], last: Draft[R], /) -> Flow[R]: ...
@overload
def chain(first: Step[Any], second: Step[Any], third: Step[Any], fourth: Step[Any], last: Draft[R], /) -> Flow[R]: ...
@overload
def chain(*steps: Step[Any]) -> Flow[Any]: ...
def chain(*steps: Any) -> Any:
    """Return jobs that run one after the other; a group among them runs side by side. It ends with a single job.

    Each job sees how the one before it ended by ``current_job().dependencies()``.

    Raises:
        InvalidOption: there is no step, or the last one is a group.
    """
    if not steps or isinstance(steps[-1], Group):
        raise InvalidOption("chain() ends with a single job: use chord() to run one after a group")
    before: Sequence[Flow[Any]] = ()
    for step in steps:
        flows = step.flows if isinstance(step, Group) else (step if isinstance(step, Flow) else Flow(step),)
        # A copy: the steps remain what they are.
        before = [Flow(flow.job, after=[*flow.after, *before]) for flow in flows]
    return before[0]


def _nodes(after: Any) -> Iterator[After]:
    items = [after] if isinstance(after, Draft | After | Group | Flow) or not isinstance(after, Iterable) else after
    seen: dict[int, Flow[Any]] = {}
    for item in items:
        entry = item if isinstance(item, After) else After(item)
        inner = entry.job
        for node in inner.flows if isinstance(inner, Group) else [inner]:
            if isinstance(node, Draft):
                # The same draft twice is one job.
                yield After(seen.setdefault(id(node), Flow(node)), entry.on_failure)
            elif isinstance(node, Flow) or isinstance(getattr(node, "id", None), str):
                yield After(node, entry.on_failure)
            else:
                raise InvalidOption(
                    f"after= takes drafts, flows, groups, handles of jobs, or After(one of these), not {node!r}"
                )
