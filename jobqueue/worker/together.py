"""Runs the jobs of a batch: one call of the function, and an outcome for each of them."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, NamedTuple

from jobqueue.context import JobContext, enter
from jobqueue.middleware import Middleware, compose
from jobqueue.worker.decide import Raised, Returned, Stop, decide
from jobqueue.worker.running import Running

PATIENCE = 1.0
"""Seconds that jobs whose middleware has let them pass wait for those whose middleware has not.

A middleware may keep jobs apart, with a semaphore for one: without an end of this, they would wait for each other.
"""


class Member(NamedTuple):
    """A job of a batch.

    Attributes:
        running: the job.
        item: its item.
    """

    running: Running
    item: Any


class Call(NamedTuple):
    """A call of the function that is under way.

    Attributes:
        ended: what it returned or raised.
        halt: makes it stop, as far as that is possible where it runs.
    """

    ended: "asyncio.Future[Any]"
    halt: Callable[[Stop], None]


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any


_Ending = _Value | Raised


class Together:
    """One start of a batch.

    Without middleware that is one call. With middleware, each job passes its own layers at the same time as the others,
    and the call is made when all of them have arrived, or have been refused.

    Args:
        name: the name of the task.
        members: the jobs.
        layers: the middleware.
        call: calls the function with the items, in a context.
        write: returns a result as JSON.
        give_up_after: seconds that the function has to end when it was halted, before its jobs are settled without it;
            None to wait for it.
        gave_up: is told, with one of the jobs, that it did not.
    """

    def __init__(
        self,
        name: str,
        members: Sequence[Member],
        *,
        layers: Sequence[Middleware],
        call: Callable[[list[Any], Context, JobContext], Call],
        write: Callable[[Any], bytes],
        give_up_after: float | None,
        gave_up: Callable[[JobContext], None],
    ) -> None:
        self._name = name
        # Some may have been called off since they were gathered.
        self._members = [member for member in members if not member.running.ended]
        self._layers = layers
        self._call = call
        self._write = write
        self._give_up_after = give_up_after
        self._gave_up = gave_up
        self._halted = False
        self._calls: set[Call] = set()
        # Those that are in middleware, and those of them that wait for the call: each with where it waits.
        self._chains: dict[Running, asyncio.Task[Returned | Raised]] = {}
        self._here: dict[Running, tuple[Member, asyncio.Future[_Ending]]] = {}
        self._expected = len(self._members)
        # Those that are counted no more, because the call was made for them, and those whose call is under way.
        self._served: set[Running] = set()
        self._in_call: set[Running] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._patience: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Run them to their ends."""
        if not self._members:
            return
        for member in self._members:
            member.running.begin(self._halt)
        try:
            if self._layers:
                await self._pass_middleware()
            else:
                for member, ending in zip(self._members, await self._result(self._members), strict=True):
                    self._end(member, self._written(ending))
        finally:
            # The worker may be gone before they are.
            for task in (*self._chains.values(), *self._serving):
                task.cancel()

    def _halt(self, running: Running, why: Stop) -> None:
        if self._halted:
            return
        if why is Stop.CANCELLED and any(not other.ended and other.stopped is None for other, _ in self._members):
            # The others go on, and so does the call if it is in it.
            if running in self._chains and running not in self._in_call:
                self._chains[running].cancel()
            return
        self._halted = True
        for member in self._members:
            member.running.stop(why)
        for call in self._calls:
            call.halt(why)
        for other, chain in self._chains.items():
            if other not in self._in_call:
                chain.cancel()
        if self._give_up_after is not None:
            asyncio.get_running_loop().call_later(self._give_up_after, self._give_up)

    def _give_up(self) -> None:
        left = [member for member in self._members if not member.running.ended]
        if left:
            self._gave_up(left[0].running.context)
        for member in left:
            self._end(member, Raised(asyncio.CancelledError()))

    def _end(self, member: Member, ended: Returned | Raised) -> None:
        running = member.running
        running.end(decide(ended, running.terms, running.stopped))

    # -- the call ----------------------------------------------------------------------------------------------------

    async def _result(self, members: Sequence[Member]) -> list[_Ending]:
        """Call the function, and return what became of each item."""
        if self._halted:
            return [Raised(asyncio.CancelledError())] * len(members)
        call = None
        try:
            context = copy_context()
            context.run(enter, tuple(member.running.context for member in members))
            call = self._call([member.item for member in members], context, members[0].running.context)
            self._calls.add(call)
            await asyncio.wait((call.ended,))
            return self._endings(call.ended.result(), len(members))
        except BaseException as error:  # a function may raise anything, and each of its jobs must be settled
            return [Raised(error)] * len(members)
        finally:
            if call is not None:
                self._calls.discard(call)
                call.ended.cancel()  # if it still runs, the worker has gone

    def _endings(self, value: Any, count: int) -> list[_Ending]:
        if isinstance(value, Raised):
            return [value] * count
        if value is None:
            return [_Value(None)] * count
        if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
            raise TypeError(
                f"{self._name}() returned a {type(value).__name__}: a function with batch= returns a list with one"
                " result for each item, or None"
            )
        if len(value) != count:
            raise ValueError(
                f"{self._name}() returned {len(value)} results for {count} items: return one for each, in their order;"
                " where an item has failed, the exception"
            )
        return [Raised(item) if isinstance(item, BaseException) else _Value(item) for item in value]

    def _written(self, ending: _Ending) -> Returned | Raised:
        if isinstance(ending, Raised):
            return ending
        try:
            return Returned(self._write(ending.value))
        except BaseException as error:  # types of the user's may raise anything when they are written
            return Raised(error)

    # -- middleware --------------------------------------------------------------------------------------------------

    async def _pass_middleware(self) -> None:
        for member in self._members:
            chain = asyncio.create_task(self._chain(member))
            self._chains[member.running] = chain
            chain.add_done_callback(functools.partial(self._passed, member))
        await asyncio.wait(tuple(self._chains.values()))

    async def _chain(self, member: Member) -> Returned | Raised:
        running = member.running
        enter(running.context)
        try:
            call: Callable[[], Awaitable[Any]] = functools.partial(self._arrive, member)
            return self._written(_Value(await compose(self._layers, running.context, call)()))
        except BaseException as error:  # as in the function
            return Raised(error)

    def _passed(self, member: Member, chain: "asyncio.Task[Returned | Raised]") -> None:
        del self._chains[member.running]
        if member.running not in self._served:
            # Its middleware has refused it, or it was called off there.
            self._expected -= 1
            self._call_if_complete()
        self._end(member, Raised(asyncio.CancelledError()) if chain.cancelled() else chain.result())

    async def _arrive(self, member: Member) -> Any:
        """What middleware calls: wait for the others, and return or raise what became of this one."""
        running = member.running
        if running in self._served:
            # Middleware that calls again what has failed.
            self._served.discard(running)
            self._expected += 1
        future: asyncio.Future[_Ending] = asyncio.get_running_loop().create_future()
        self._here[running] = member, future
        if self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE, self._call_those_here)
        self._call_if_complete()
        try:
            ending = await future
        finally:
            self._here.pop(running, None)
        if isinstance(ending, Raised):
            raise ending.error
        return ending.value

    def _call_if_complete(self) -> None:
        if len(self._here) >= self._expected:
            self._call_those_here()

    def _call_those_here(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        here, self._here = self._here, {}
        if here:
            self._expected -= len(here)
            self._served.update(here)
            self._in_call.update(here)
            task = asyncio.create_task(self._serve(list(here.values())))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, here: "list[tuple[Member, asyncio.Future[_Ending]]]") -> None:
        endings = await self._result([member for member, _ in here])
        self._in_call.difference_update(member.running for member, _ in here)
        for (_, future), ending in zip(here, endings, strict=True):
            if not future.done():
                future.set_result(ending)
