"""Enqueues for a contender, takes the time, and prints what it found as JSON: ``python produce.py APP VERB ...``.

The verbs::

    fill TASK COUNT [SIZE]     by whichever way is the quickest; with an argument of SIZE characters
    one COUNT                  no-op jobs, one call after the other
    gather COUNT               no-op jobs, 100 calls at a time
    bulk COUNT                 no-op jobs, 1,000 a call
    lone COUNT SECONDS         a job each so many seconds, which writes down how long it took to start
    load RATE SECONDS          such jobs at a steady rate, by whichever way keeps it up
    ask COUNT                  jobs whose results are waited for, one after the other

The file bullmq/produce.mjs does the same.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from apps.producers import AsyncProducer, Jobs, Producer
from apps.stopwatch import now

AT_ONCE = 100
BULK = 1000
WARM_UP = 200
TURN = 0.005
"""Seconds between two times that jobs are enqueued under load."""


def _parts(count: int, size: int) -> Iterator[int]:
    while count > 0:
        yield min(count, size)
        count -= size


def _turns(rate: float, seconds: float) -> Iterator[tuple[float, int]]:
    """Give, turn by turn, how long to wait and how many jobs are due."""
    began, sent = time.perf_counter(), 0
    while (past := time.perf_counter() - began) < seconds:
        due = int(rate * past) - sent
        sent += due
        yield max(0.0, TURN - (time.perf_counter() - began - past)), due


# -- from plain code


def fill(producer: Producer, task: str, jobs: Jobs) -> None:
    if producer.many is None:
        for arguments in jobs:
            producer.enqueue(task, *arguments)
    else:
        for start in range(0, len(jobs), BULK):
            producer.many(task, jobs[start : start + BULK])


def run(producer: Producer, verb: str, numbers: list[float]) -> Any:
    if verb == "load":
        return _loaded(producer, *numbers)
    began = time.perf_counter()
    match verb, numbers:
        case "one", [count]:
            for _ in range(int(count)):
                producer.enqueue("work")
        case "bulk", [count]:
            fill(producer, "work", [()] * int(count))
        case "lone", [count, seconds]:
            for number in range(int(count)):
                time.sleep(max(0.0, began + number * seconds - time.perf_counter()))  # the next is due then
                producer.enqueue("arrive", now())
        case "ask", [count]:
            assert producer.ask is not None
            return {"seconds": [_asked(producer, number) for number in range(int(count))]}
        case _:
            raise ValueError(f"cannot {verb} {numbers}")
    return {"seconds": time.perf_counter() - began}


def _loaded(producer: Producer, rate: float, seconds: float) -> Any:
    began, sent = time.perf_counter(), 0
    for wait, due in _turns(rate, seconds):
        time.sleep(wait)  # until the next turn
        sent += due
        if producer.many is not None and due:
            producer.many("arrive", [(now(),)] * due)
        else:
            for _ in range(due):
                producer.enqueue("arrive", now())
    return {"rate": sent / (time.perf_counter() - began), "sent": sent}


def _asked(producer: Producer, number: int) -> float:
    assert producer.ask is not None
    began = time.perf_counter()
    found = producer.ask(number)
    seconds = time.perf_counter() - began
    if found != number:
        raise ValueError(f"the result is {found!r}, not {number}")
    return seconds


# -- from an event loop


async def afill(producer: AsyncProducer, task: str, jobs: Jobs) -> None:
    for start in range(0, len(jobs), BULK if producer.many else AT_ONCE):
        if producer.many is not None:
            await producer.many(task, jobs[start : start + BULK])
        else:
            await asyncio.gather(*(producer.enqueue(task, *each) for each in jobs[start : start + AT_ONCE]))


async def arun(producer: AsyncProducer, verb: str, numbers: list[float]) -> Any:
    if verb == "load":
        return await _aloaded(producer, *numbers)
    began = time.perf_counter()
    match verb, numbers:
        case "one", [count]:
            for _ in range(int(count)):
                await producer.enqueue("work")
        case "gather", [count]:
            for part in _parts(int(count), AT_ONCE):
                await asyncio.gather(*(producer.enqueue("work") for _ in range(part)))
        case "bulk", [count]:
            await afill(producer, "work", [()] * int(count))
        case "lone", [count, seconds]:
            for number in range(int(count)):
                await asyncio.sleep(max(0.0, began + number * seconds - time.perf_counter()))  # as above
                await producer.enqueue("arrive", now())
        case "ask", [count]:
            return {"seconds": [await _aasked(producer, number) for number in range(int(count))]}
        case _:
            raise ValueError(f"cannot {verb} {numbers}")
    return {"seconds": time.perf_counter() - began}


async def _aloaded(producer: AsyncProducer, rate: float, seconds: float) -> Any:
    began, sent = time.perf_counter(), 0
    for wait, due in _turns(rate, seconds):
        await asyncio.sleep(wait)  # until the next turn
        sent += due
        if producer.many is not None and due:
            await producer.many("arrive", [(now(),)] * due)
        else:
            for part in _parts(due, AT_ONCE):
                await asyncio.gather(*(producer.enqueue("arrive", now()) for _ in range(part)))
    return {"rate": sent / (time.perf_counter() - began), "sent": sent}


async def _aasked(producer: AsyncProducer, number: int) -> float:
    assert producer.ask is not None
    began = time.perf_counter()
    found = await producer.ask(number)
    seconds = time.perf_counter() - began
    if found != number:
        raise ValueError(f"the result is {found!r}, not {number}")
    return seconds


async def amain(producer: AsyncProducer, verb: str, words: list[str]) -> Any:
    await producer.connect()
    try:
        if verb == "fill":
            return await afill(producer, words[0], _arguments(words))
        if verb in ("one", "gather", "bulk", "ask"):
            await arun(producer, verb, [10 if verb == "ask" else WARM_UP])
        return await arun(producer, verb, [float(word) for word in words])
    finally:
        await producer.close()


def main(producer: Producer, verb: str, words: list[str]) -> Any:
    producer.connect()
    try:
        if verb == "fill":
            return fill(producer, words[0], _arguments(words))
        if verb in ("one", "bulk", "ask"):
            run(producer, verb, [10 if verb == "ask" else WARM_UP])
        return run(producer, verb, [float(word) for word in words])
    finally:
        producer.close()


def _arguments(words: list[str]) -> Jobs:
    size = int(words[2]) if len(words) > 2 else 0
    return [("x" * size,) if size else ()] * int(words[1])


if __name__ == "__main__":
    app, what, *rest = sys.argv[1:]
    module, _, name = app.partition(":")
    chosen = getattr(import_module(f"apps.{module}"), name or "PRODUCER")
    if isinstance(chosen, AsyncProducer):
        try:
            from uvloop import run as run_loop
        except ImportError:
            from asyncio import run as run_loop
        found = run_loop(amain(chosen, what, rest))
    else:
        found = main(chosen, what, rest)
    print(json.dumps(found))
