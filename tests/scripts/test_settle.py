"""settle.lua: an outcome counts if the job is still this execution's, and the next jobs come with the answer."""

import pytest
from desk import START

from jobqueue.fingerprint import fingerprint_of
from jobqueue.job import Counts, Execution, OutcomeKind
from jobqueue.outcome import (
    Blocked,
    Cancelled,
    Completed,
    ErrorText,
    Failed,
    Interrupted,
    Limited,
    Lost,
    Parked,
    Retried,
    Snoozed,
)
from jobqueue.store import control
from jobqueue.store.call import run_script
from jobqueue.store.claims import Settlement, tell
from jobqueue.store.inspect import show
from jobqueue.store.jobs import cancel, watch
from jobqueue.store.script import script

ERROR = ErrorText("ValueError", "no", "Traceback ...")
FINGERPRINT = fingerprint_of("ValueError", "no", "Traceback ...").id
TOKEN = START * 1000


def record(kind, body, finished=START):
    return f'["{kind}",{START},{finished},"w1",{TOKEN},{body}]'


@pytest.fixture
def held(desk, enqueue, travel):
    """Return a worker that holds the job ``a``, two seconds later."""
    enqueue("a")
    worker = desk()
    worker.claim()
    travel.by(2)
    return worker


def test_completed(held, keyspace):
    answer = held.settle(Settlement("a", TOKEN, Completed(b'{"n":1}')))
    assert answer.applied == (True,)
    space = keyspace()
    assert space["active"] == {}
    assert space["outcomes"] == {"a": record("completed", '{"n":1}', START + 2000)}
    assert space["completed"] == {"a": START + 2000}
    assert space["attempts"] == {}


def test_completed_with_a_time_of_its_own(held, keyspace):
    held.settle(Settlement("a", TOKEN, Completed(b"1", result_ttl=60)))
    assert keyspace()["expiring"] == {"a": START + 62_000}


def test_completed_with_nothing_to_keep(held, keyspace):
    held.settle(Settlement("a", TOKEN, Completed(b"1", result_ttl=0)))
    assert set(keyspace().present) == {"workers", "worker_info", "claims"}


def test_failed(held, keyspace):
    held.settle(Settlement("a", TOKEN, Failed(ERROR)))
    space = keyspace()
    assert space["failed"] == {"a": START + 2000}
    assert space["outcomes"] == {"a": record("failed", ERROR.to_json(FINGERPRINT).decode(), START + 2000)}
    assert space["attempts"] == {"a": "1 0 0 0 0"}
    assert list(space["fingerprints"]) == [f"{FINGERPRINT}|greet|{START + 2000}|a"]


def test_retried_later(held, keyspace):
    held.settle(Settlement("a", TOKEN, Retried(ERROR, 1.5)))
    space = keyspace()
    assert space["delayed"] == {"a": START + 3500}
    written = record("retried", ERROR.to_json().decode(), START + 2000)
    assert space["attempts"] == {"a": f"1 0 0 0 0\n{written[:-1]},{START + 3500}]"}
    assert space["outcomes"] == {}


def test_retried_at_once_goes_to_the_end_of_the_line(held, enqueue, keyspace):
    enqueue("b")
    held.settle(Settlement("a", TOKEN, Retried(ERROR, 0)))
    assert keyspace()["wait"] == ["a", "b"]


def test_snoozed_counts_but_leaves_no_record(held, keyspace):
    held.settle(Settlement("a", TOKEN, Snoozed(10)))
    assert keyspace()["attempts"] == {"a": "0 0 0 1 0"}
    assert keyspace()["delayed"] == {"a": START + 12_000}


def test_cancelled(held, keyspace):
    held.settle(Settlement("a", TOKEN, Cancelled('say "why"')))
    assert keyspace()["outcomes"] == {"a": record("cancelled", '"say \\"why\\""', START + 2000)}
    assert keyspace()["cancelled"] == {"a": START + 2000}


def test_interrupted_goes_back_to_the_head_uncharged(held, enqueue, keyspace):
    enqueue("b")
    held.settle(Settlement("a", TOKEN, Interrupted("shutdown")))
    assert keyspace()["wait"] == ["b", "a"]
    assert keyspace()["attempts"]["a"].startswith("0 0 1 0 0\n")


def test_lost_goes_back_to_the_head_until_it_was_lost_too_often(held, keyspace):
    for lost in (1, 2):
        token = TOKEN if lost == 1 else held.claim().jobs[0].token
        held.settle(Settlement("a", token, Lost("SIGSEGV")))
        assert keyspace()["wait"] == ["a"]
        assert keyspace()["attempts"]["a"].startswith(f"0 {lost} 0 0 0\n")
    held.settle(Settlement("a", held.claim().jobs[0].token, Lost("SIGSEGV")))
    space = keyspace()
    assert list(space["failed"]) == ["a"]
    ending = Execution.parse(space["outcomes"]["a"].encode())
    assert (ending.outcome, ending.error_type) == (OutcomeKind.FAILED, "WorkerLost")
    assert space["attempts"]["a"].count("SIGSEGV") == 3


def test_limited_goes_back_to_the_head_and_the_queue_rests(held, enqueue, keyspace, travel):
    enqueue("b")
    assert held.settle(Settlement("a", TOKEN, Limited("queue", 10)), n=5).jobs == ()
    space = keyspace()
    assert (space["held"], space["wait"]) == (["b", "a"], [])
    assert space["attempts"] == {"a": "0 0 0 0 1"}
    assert space["resting"] == {"queue": START + 12_000}
    travel.by(9.999)
    assert held.claim().jobs == ()
    travel.by(0.001)
    assert [(job.id, job.counts) for job in held.claim().jobs] == [("a", Counts(limited=1)), ("b", Counts())]


def test_blocked_waits_for_others_and_is_charged_nothing(held, enqueue, keyspace):
    enqueue("b", "c")
    held.settle(Settlement("a", TOKEN, Blocked("fail:mail/b,run:mail/c")))
    space = keyspace()
    assert space["blocked"] == {"a": START + 2000}
    assert space["blocking"]["a"].split(" ")[0] == "2"
    assert space["attempts"] == {"a": "0 0 0 0 0"}  # which says that it has begun
    for job in held.claim().jobs:
        held.settle(Settlement(job.id, job.token, Completed(b"1")))
    assert keyspace()["wait"] == ["a"]
    assert keyspace()["blocked"] == {}


def test_blocked_by_what_has_ended_waits_to_run_or_fails(held, enqueue, keyspace):
    enqueue("good", "bad", "d")
    outcomes = {"good": Completed(b"1"), "bad": Failed(ERROR)}
    found = held.claim().jobs
    tokens = {job.id: job.token for job in found}
    held.settle(*[Settlement(job.id, job.token, outcomes[job.id]) for job in found if job.id in outcomes])
    held.settle(
        Settlement("a", TOKEN, Blocked("fail:mail/good,run:mail/bad")),
        Settlement("d", tokens["d"], Blocked("fail:mail/bad")),
    )
    space = keyspace()
    assert space["wait"] == ["a"]
    assert set(space["failed"]) == {"bad", "d"}
    ending = Execution.parse(space["outcomes"]["d"].encode())
    assert (ending.outcome, ending.worker, ending.started_at) == (OutcomeKind.FAILED, "", None)
    assert (ending.error_type, "mail/bad" in ending.message) == ("DependencyFailed", True)


def test_parked(held, keyspace):
    held.settle(Settlement("a", TOKEN, Parked("greet", "f1", "cannot read it")))
    space = keyspace()
    assert space["parked"] == {"a": "greet|f1 cannot read it"}
    assert space["parking"] == {"greet|f1|a": 0}
    assert space["attempts"] == {}


@pytest.mark.parametrize(
    "outcome",
    [
        Completed(b"1"),
        Failed(ERROR),
        Retried(ERROR, 1),
        Interrupted(""),
        Lost(""),
        Limited("queue", 10),
        Blocked("fail:mail/unknown"),
    ],
)
def test_a_stale_token_changes_nothing(held, keyspace, outcome):
    before = keyspace().present
    answer = held.settle(Settlement("a", TOKEN - 1, outcome), Settlement("unknown", TOKEN, outcome))
    assert answer.applied == (False, False)
    after = keyspace().present
    assert after.pop("claims") != before.pop("claims")
    assert after == before


def test_settling_twice_is_refused_the_second_time(held, keyspace):
    done = Settlement("a", TOKEN, Completed(b"1"))
    assert held.settle(done).applied == (True,)
    before = keyspace()["outcomes"]
    assert held.settle(done).applied == (False,)
    assert keyspace()["outcomes"] == before


def test_the_same_request_gets_the_same_answer(held, enqueue, keyspace):
    enqueue("b", "c")
    settlements = [Settlement("a", TOKEN, Completed(b"1")), Settlement("x", 1, Completed(b"1"))]
    first = held.settle(*settlements, n=1)
    assert first.applied == (True, False)
    assert [job.id for job in first.jobs] == ["b"]
    before = keyspace().present
    assert held.settle_again(*settlements, n=1) == first
    assert keyspace().present == before


def test_it_claims_in_the_same_call(held, enqueue, keyspace):
    enqueue("b", "c")
    answer = held.settle(Settlement("a", TOKEN, Completed(b"1")), n=5)
    assert [job.id for job in answer.jobs] == ["b", "c"]
    assert set(keyspace()["active"]) == {"b", "c"}


def test_an_outcome_counts_even_if_the_lease_has_run_out_but_nothing_is_claimed(held, enqueue, keyspace, travel):
    enqueue("b")
    travel.by(60)
    answer = held.settle(Settlement("a", TOKEN, Completed(b"1")), n=5)
    assert (answer.lease, answer.applied, answer.jobs) == (False, (True,), ())
    assert list(keyspace()["completed"]) == ["a"]
    assert keyspace()["wait"] == ["b"]


@pytest.mark.parametrize(
    "outcome",
    [
        Retried(ERROR, 5),
        Retried(ERROR, 0),
        Snoozed(5),
        Interrupted(""),
        Lost(""),
        Parked("greet", "", "why"),
        Limited("queue", 10),
        Blocked("run:mail/b"),
    ],
)
def test_a_job_that_was_asked_to_stop_does_not_come_back(held, client, keys, keyspace, outcome):
    client.run(cancel(keys, "a", "enough"))
    held.settle(Settlement("a", TOKEN, outcome))
    space = keyspace()
    assert list(space["cancelled"]) == ["a"]
    assert '"enough"' in space["outcomes"]["a"]
    assert space["cancelling"] == {}


@pytest.mark.parametrize("outcome", [Completed(b"1"), Failed(ERROR)])
def test_a_job_that_was_asked_to_stop_may_end_by_itself(held, client, keys, keyspace, outcome):
    client.run(cancel(keys, "a", "enough"))
    held.settle(Settlement("a", TOKEN, outcome))
    assert list(keyspace()[outcome.kind.value]) == ["a"]
    assert keyspace()["cancelling"] == {}


def test_a_cancelled_outcome_takes_the_reason_of_whoever_asked(held, client, keys, keyspace):
    client.run(cancel(keys, "a", "enough"))
    held.settle(Settlement("a", TOKEN, Cancelled("")))
    assert '"enough"' in keyspace()["outcomes"]["a"]


def test_a_paused_queue_keeps_what_comes_back(held, client, keys, keyspace):
    client.run(control.pause(keys))
    held.settle(Settlement("a", TOKEN, Retried(ERROR, 0)))
    assert keyspace()["held"] == ["a"]


def test_an_unknown_outcome_is_refused_before_anything_is_written(held, client, keys, keyspace):
    before = keyspace().present
    rest = ["a", TOKEN, "completed", -1, "1", "b", TOKEN, "vanished", -1, "1"]
    call = run_script(script("settle"), keys, ("w1", "9", 0, 3, 0), lambda reply: reply, worker="w1", rest=rest)
    with pytest.raises(Exception, match="unknown outcome"):
        held.client.run(call)
    assert keyspace().present == before


def test_the_history_keeps_the_latest_twenty(held, client, keys):
    token = TOKEN
    for number in range(25):
        held.settle(Settlement("a", token, Retried(ErrorText("E", str(number)), 0)))
        token = held.claim().jobs[0].token
    info = client.run(show(keys, "a"))
    assert info.counts == Counts(failures=25)
    assert [run.message for run in info.history] == [str(number) for number in range(5, 25)]


def test_many_outcomes_in_one_call(desk, enqueue, keyspace):
    ids = [f"j{number}" for number in range(100)]
    enqueue(*ids)
    worker = desk()
    jobs = worker.claim(100).jobs
    kinds = [Completed(b"1"), Failed(ERROR), Retried(ERROR, 5), Cancelled("x"), Snoozed(1)]
    answer = worker.settle(*[Settlement(job.id, job.token, kinds[i % 5]) for i, job in enumerate(jobs)])
    assert answer.applied == (True,) * 100
    space = keyspace()
    assert [len(space[name]) for name in ("completed", "failed", "cancelled", "delayed")] == [20, 20, 20, 40]


def test_whoever_waits_is_told_once(held, client, keys, keyspace):
    assert client.run(watch(keys, "a")).known == "pending"
    messages = client.redis.pubsub()
    messages.subscribe(keys.finished("a"))
    assert messages.get_message(timeout=5)["type"] == "subscribe"
    held.settle(Settlement("a", TOKEN, Completed(b"7", result_ttl=0)))
    message = messages.get_message(timeout=5)
    messages.close()
    assert Execution.parse(message["data"]).result == b"7"
    assert keyspace()["waiters"] == set()


def test_what_a_job_said_goes_with_it_when_nothing_is_kept(held, client, keys, keyspace):
    client.run(tell(keys, "a", TOKEN, b"0.5", 0, ["line"]))
    held.settle(Settlement("a", TOKEN, Completed(b"1", result_ttl=0)))
    space = keyspace()
    assert (space["progress"], space["logs"], space["jobs"]) == ({}, {}, {})
