"""The checker finds what is wrong: each invariant is broken once, by hand, in a queue that was sound."""

import pytest
from audit import read_keyspace
from chaos.ledger import Ledger, digest, read
from chaos.soak import Sample, grown
from chaos.verdict import Allowance, judge

from jobqueue import JobQueue
from jobqueue.outcome import Completed, ErrorText, Lost, Retried
from jobqueue.store.claims import Settlement, claim, reap, register, settle
from jobqueue.store.keys import queue_keys

SECOND = 1_000_000_000


@pytest.fixture
def jobs(real_server):
    application = JobQueue(real_server.url, prefix="jq")
    yield application
    application.close()


@pytest.fixture
def story(jobs, tmp_path):
    """Return a ledger of three jobs, one of which was run twice because its worker was lost, and what judges it."""
    keys = queue_keys("jq", "main")
    client = jobs.connections.sync_client()
    lines = []
    for name in "abc":
        jobs.queue("main").enqueue("work", id=name)
        lines.append(f"accepted main {name} 1")
    lines.append("unknown main d 1")
    client.run(register(keys, "w0", 30, {}))
    [lost] = client.run(claim(keys, "w0", 1, 1)).jobs
    client.run(reap(keys, "w0", Lost("its process died"), force=True))
    lines += [f"start main {lost.id} {lost.token} 7 {SECOND}", f"killed 7 {2 * SECOND}"]
    client.run(register(keys, "w1", 30, {}))
    claimed = client.run(claim(keys, "w1", 1, 3)).jobs
    for number, job in enumerate(claimed):
        lines.append(f"start main {job.id} {job.token} 8 {(3 + number) * SECOND}")
        lines.append(f"end main {job.id} {job.token} 8 returned {(4 + number) * SECOND}")
    settlements = [Settlement(job.id, job.token, Completed(b"1")) for job in claimed]
    assert client.run(settle(keys, "w1", 2, 0, settlements, 3)).applied == (True,) * 3
    path = tmp_path / "ledger"

    def verdict(change=lambda lines: lines, **allowance):
        path.write_text("".join(f"{line}\n" for line in change(list(lines))))
        return judge(read(path), [read_keyspace(client.redis, keys)], Allowance(**allowance))

    return verdict


def test_a_sound_run_is_found_sound(story):
    verdict = story()
    assert verdict.problems == []
    assert (verdict.jobs, verdict.repeats, verdict.quarantined, verdict.recovery) == (3, 1, 0, 1.0)


def test_a_job_that_was_accepted_and_is_gone_is_lost(story):
    def change(lines):
        return [*lines, "accepted main e 1"]

    assert story(change).lost == ["main/e was accepted"]
    # What the server may forget is what was accepted shortly before it was struck, and not what it has confirmed.
    for at, job, lost in (
        (SECOND, "e", False),
        (9 * SECOND, "e", True),
        (3 * SECOND, "e", True),
        (SECOND, "sure-e", True),
        # A flow over two queues takes several steps: a part may have been written before.
        (f"{SECOND} {9 * SECOND}", "e", False),
        (f"{3 * SECOND} {9 * SECOND}", "e", True),
    ):
        verdict = story(lambda lines: [*lines, f"accepted main {job} {at}", f"fault power {2 * SECOND}"], forgetful=1)  # noqa: B023  called at once
        assert bool(verdict.lost) == lost
        assert verdict.forgotten == (not lost)


def test_a_job_that_its_producer_was_not_told_is_safe_may_be_forgotten(story):
    ran = [f"start main sure-e 5 9 {SECOND}", f"end main sure-e 5 9 raised {SECOND}", f"fault power {2 * SECOND}"]
    assert story(lambda lines: [*lines, *ran, "unknown main sure-e 1"], forgetful=1).problems == []
    assert story(lambda lines: [*lines, *ran, f"accepted main sure-e {SECOND}"], forgetful=1).lost


def test_a_job_that_ran_is_there_whatever_its_producer_was_told(story):
    def change(lines):
        return [*lines, "unknown main e 1", f"start main e 5 9 {SECOND}", f"end main e 5 9 raised {2 * SECOND}"]

    assert story(change).lost == ["main/e was accepted"]
    assert story(change, cut_off=True).problems == []
    assert story(lambda lines: [*change(lines), "accepted main e 1"], cut_off=True).lost == ["main/e was accepted"]
    assert "nobody has enqueued" in story(lambda lines: change(lines)[:-3] + change(lines)[-2:]).wrong[0]


def test_of_pruned_jobs_the_ledger_has_the_end_and_shows_overlaps(story):
    def change(lines):
        return [*lines, "accepted main e 1", f"start main e 5 9 {SECOND}", f"end main e 5 9 returned {2 * SECOND}"]

    assert story(change).lost == ["main/e was accepted"]
    assert story(change, pruned=True).problems == []
    twice = [f"start main e 6 8 {SECOND}", f"end main e 6 8 returned {2 * SECOND}"]
    assert story(lambda lines: change(lines) + twice, pruned=True).overlaps


def test_a_job_that_failed_or_was_cancelled_without_a_cause_is_found(story, jobs):
    redis = jobs.connections.sync_client().redis
    jobs.queue("main").enqueue("work", id="e", delay=60)
    jobs.queue("main").job("e").cancel()
    assert "nobody has cancelled" in story().wrong[0]
    assert story(cancelled=True).problems == []
    redis.hset("{jq:main}:outcomes", "e", '["failed",1,2,"w",3,{"type":"E","message":"m"}]')
    redis.zadd("{jq:main}:failed", {"e": redis.zscore("{jq:main}:cancelled", "e")})
    redis.zrem("{jq:main}:cancelled", "e")
    assert "without a cause" in story().wrong[0]


def test_a_job_that_has_not_ended_is_stuck(story, jobs):
    jobs.queue("main").enqueue("work", id="e")
    assert story().stuck == ["main/e is waiting "]


def test_a_job_that_completed_without_a_run_is_found(story):
    assert "I2" in story(lambda lines: [line for line in lines if not line.startswith("end main c")]).wrong[0]


def test_executions_that_overlap_are_found_unless_the_lease_was_lost(story):
    # The process of the first execution of a was killed later than the second began: that one's lease was lost.
    assert (
        story(
            lambda lines: [line.replace(f"killed 7 {2 * SECOND}", f"killed 7 {9 * SECOND}") for line in lines]
        ).problems
        == []
    )

    def change(lines):
        token = int(next(line for line in lines if line.startswith("start main b")).split()[3])
        return [*lines, f"start main b {token - 1} 9 {SECOND}", f"end main b {token - 1} 9 raised {9 * SECOND}"]

    assert len(story(change).overlaps) == 1


def test_a_token_that_was_used_twice_is_found(story):
    def change(lines):
        return [*lines, next(line for line in lines if line.startswith("start main b")).replace(" 8 ", " 9 ")]

    [found] = story(change).overlaps
    assert "was run twice under token" in found


def test_a_run_after_the_end_is_found(story):
    def change(lines):
        token = int(next(line for line in lines if line.startswith("start main b")).split()[3])
        return [*lines, f"start main b {token + 9} 9 {20 * SECOND}", f"end main b {token + 9} 9 returned {21 * SECOND}"]

    assert "I4" in story(change).wrong[0]


def test_a_job_that_was_cancelled_between_two_executions_is_not_run_any_more(story, jobs):
    keys = queue_keys("jq", "main")
    client = jobs.connections.sync_client()
    jobs.queue("main").enqueue("work", id="e")
    [lost] = client.run(claim(keys, "w1", 3, 1)).jobs
    client.run(reap(keys, "w1", Lost("its process died"), force=True))
    jobs.queue("main").job("e").cancel()
    lines = ["accepted main e 1", f"start main e {lost.token} 8 {SECOND}", f"end main e {lost.token} 8 raised {SECOND}"]
    assert story(lambda before: before + lines, cancelled=True).problems == []
    later = [line.replace(str(lost.token), str(lost.token + 9)) for line in lines[1:]]
    assert "I4" in story(lambda before: before + lines + later, cancelled=True).wrong[0]


def test_what_is_left_behind_is_found(story, jobs):
    redis = jobs.connections.sync_client().redis
    redis.hset("{jq:main}:progress", "nobody", "1")
    redis.lpush("{jq:main}:inbox:nobody", "x")
    assert len(story().leaked) >= 2


def test_jobs_of_a_key_out_of_order_are_found(story):
    assert story(in_order=[[("main", "b"), ("main", "c")]]).wrong == []
    assert "I8" in story(in_order=[[("main", "c"), ("main", "b")]]).wrong[0]


def test_what_a_server_forgets_does_not_excuse_an_order_elsewhere(story):
    swapped = [[("main", "c"), ("main", "b")]]

    def struck_at(seconds):
        return lambda lines: [*lines, f"fault power {seconds * SECOND}"]

    assert story(struck_at(100), in_order=swapped, forgetful=3).wrong
    assert story(struck_at(5), in_order=swapped, forgetful=3).wrong == []


def test_jobs_of_a_key_that_run_at_the_same_time_are_found(story):
    pair = [{("main", "b"), ("main", "c")}]
    assert story(in_turn=pair).problems == []

    def change(lines):
        return [line.replace(f" {5 * SECOND}", f" {9 * SECOND}") if " b " in line else line for line in lines]

    [found] = story(change, in_turn=pair).overlaps
    assert "of the same key" in found
    assert story(change).problems == []
    # The lease of a was lost: another job of its key may have begun before its process knew.
    late = [{("main", "a"), ("main", "c")}]
    assert (
        story(
            lambda lines: [line.replace(f"killed 7 {2 * SECOND}", f"killed 7 {9 * SECOND}") for line in lines],
            in_turn=late,
        ).problems
        == []
    )


def test_what_a_server_forgets_does_not_excuse_overlaps_elsewhere(story):
    def change(lines, struck):
        token = int(next(line for line in lines if line.startswith("start main b")).split()[3])
        twice = [f"start main b {token - 1} 9 {SECOND}", f"end main b {token - 1} 9 raised {9 * SECOND}"]
        later = [f"start main c {token + 99} 9 {20 * SECOND}", f"end main c {token + 99} 9 returned {21 * SECOND}"]
        return [*lines, *twice, *later, f"fault power {struck * SECOND}"]

    near = story(lambda lines: change(lines, 3), forgetful=3)
    assert near.overlaps == []
    assert ["I4" in text for text in near.wrong] == [True]
    far = story(lambda lines: change(lines, 3600), forgetful=3)
    assert len(far.overlaps) == 1
    assert len(far.wrong) == 1
    assert story(lambda lines: change(lines, 21), forgetful=3).wrong == []
    # How long before it was struck a server forgets jobs does not say how long it forgets executions.
    assert story(lambda lines: change(lines, 21), forgetful=60).problems == []
    assert len(story(lambda lines: change(lines, 21), forgetful=60, runs=0.5).problems) == 2


def test_what_a_server_forgets_does_not_excuse_a_failure_without_a_cause(story, jobs):
    redis = jobs.connections.sync_client().redis
    redis.hset("{jq:main}:outcomes", "b", '["failed",1,2,"w",3,{"type":"E","message":"m"}]')
    redis.zadd("{jq:main}:failed", {"b": redis.zscore("{jq:main}:completed", "b")})
    redis.zrem("{jq:main}:completed", "b")
    assert "without a cause" in story(lambda lines: [*lines, f"fault power {3 * SECOND}"], forgetful=60).wrong[0]


def test_a_library_that_refuses_everything_is_found(story):
    def change(lines):
        return [line.replace("accepted", "unknown") for line in lines]

    assert story().refused == 1
    assert story().accepted == 3
    assert "0 of 4 jobs were accepted" in story(change).wrong[0]
    assert "3 of 4 jobs were accepted" in story(least_accepted=0.8).wrong[0]
    assert "none was to notice" in story(seen=False).wrong[0]
    assert story(lambda lines: [line for line in lines if "unknown" not in line], seen=False).problems == []


def test_an_execution_that_returned_and_is_charged_as_a_failure_is_found(story, jobs):
    keys = queue_keys("jq", "main")
    client = jobs.connections.sync_client()
    jobs.queue("main").enqueue("work", id="e")
    [failed] = client.run(claim(keys, "w1", 3, 1)).jobs
    error = ErrorText("ServerUnavailable", "LOADING")
    client.run(settle(keys, "w1", 4, 0, [Settlement(failed.id, failed.token, Retried(error, 0))], 3))
    [again] = client.run(claim(keys, "w1", 5, 1)).jobs
    client.run(settle(keys, "w1", 6, 0, [Settlement(again.id, again.token, Completed(b"1"))], 3))

    def ended(how):
        return lambda lines: [
            *lines,
            "accepted main e 1",
            f"start main e {failed.token} 8 {SECOND}",
            f"end main e {failed.token} 8 {how} {2 * SECOND}",
            f"start main e {again.token} 8 {3 * SECOND}",
            f"end main e {again.token} 8 returned {4 * SECOND}",
        ]

    assert story(ended("raised")).problems == []
    [found] = story(ended("returned")).wrong
    assert "returned, and is recorded as one that failed" in found


def test_a_result_that_is_not_what_was_returned_is_found(story):
    def returned(value):
        return lambda lines: [
            line.replace(" returned ", f" returned {digest(value)} ") if "end main b" in line else line
            for line in lines
        ]

    assert story(returned(1)).problems == []
    [found] = story(returned(2)).wrong
    assert "is not what it returned" in found


def test_more_attempts_than_allowed_are_found(story, jobs):
    jobs.connections.sync_client().redis.hset("{jq:main}:attempts", "b", "9 0 0 0 0")
    assert "I9" in story().wrong[0]


def test_lines_of_two_processes_never_mix(tmp_path):
    ledgers = [Ledger(tmp_path / "ledger") for _ in range(2)]
    for number in range(100):
        ledgers[number % 2].write("accepted", "main", number)
    assert len(read(tmp_path / "ledger").accepted) == 100
    for ledger in ledgers:
        ledger.close()


def test_a_line_that_is_no_event_is_refused(tmp_path):
    (tmp_path / "ledger").write_text("accepted main\n")
    with pytest.raises(ValueError, match="not a line"):
        read(tmp_path / "ledger")


def test_what_grows_in_a_soak_is_found():
    def samples(**growth):
        flat = {"memory": 100_000_000, "files": 40, "threads": 20, "keys": 60, "stored": 3_000_000}
        return [
            Sample(at * 5.0, **{name: value + at * growth.get(name, 0) + at % 3 for name, value in flat.items()})
            for at in range(360)
        ]

    assert grown(samples()) == []
    # One for each of the nemesis' acts, or a hundred bytes for each job.
    for name, each in {"memory": 100 * 1100, "files": 1, "threads": 1, "keys": 1, "stored": 100 * 1100}.items():
        [text] = grown(samples(**{name: each}))
        assert "in the second half" in text
    assert "too few" in grown(samples()[:10])[0]
