"""The table of peers, and what reads it; the peers themselves are run by make chaos-peers."""

import json

import pytest
from chaos.ledger import Run
from chaos.peers.cell import _overlap
from chaos.peers.faults import FAULTS
from chaos.peers.homes import command
from chaos.peers.sight import Sight
from chaos.peers.table import APPS, NODE_APPS, PEERS, Peer
from chaos.proxy import Command, name_of
from chaos.resp import end_of


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.key)
class TestEachPeer:
    def test_has_a_program_that_is_there(self, peer: Peer):
        for words in (peer.worker, peer.producer):
            assert not any("{" in word for word in command(peer, words, 1, "redis://127.0.0.1:1/0"))
        assert (NODE_APPS / "worker.mjs" if peer.node else APPS / f"{peer.key}_app.py").exists()

    def test_has_pinned_requirements(self, peer: Peer):
        wanted = {name.partition("==")[0].partition("[")[0] for name in peer.requires}
        assert all("==" in each for each in peer.requires)
        if peer.node:
            packages = json.loads((NODE_APPS / "package.json").read_text())["dependencies"]
            assert all(version[0].isdigit() for version in packages.values())
            wanted = set(packages)
        if peer.name != "jobqueue":
            assert set(peer.shown) <= wanted

    def test_is_waited_for_longer_than_its_lease(self, peer: Peer):
        assert peer.recovery > peer.lease

    def test_says_what_its_commands_are_or_why_a_fault_is_not_for_it(self, peer: Peer):
        assert peer.takes
        assert peer.enqueues
        assert peer.held
        not_for_it = [fault.name for fault in FAULTS if fault.why_not(peer)]
        assert not_for_it == ([] if peer.acknowledges else ["acknowledge"])

    def test_says_in_words_what_its_application_sets(self, peer: Peer):
        assert str(4 // peer.workers) in peer.settings or peer.workers == 4


def seen(sight: Sight, meant: str, *words: str) -> bool:
    raw = [word.encode() for word in words]
    return sight.sees(Command(0, name_of(raw), raw), (meant,))


def test_a_command_is_known_by_its_name_its_words_its_script_and_its_transaction():
    sight = Sight()
    assert seen(sight, "BRPOP", "brpop", "main", "1")
    assert not seen(sight, "BRPOP", "LPUSH", "main", "x")
    assert seen(sight, "EVALSHA fetch", "EVALSHA", "abc", "1", "key", "fetch")
    assert not seen(sight, "EVALSHA fetch", "EVALSHA", "abc", "1", "key", "ack")
    assert not seen(sight, "EXEC ZREM", "MULTI")
    assert not seen(sight, "EXEC ZREM", "ZREM", "key", "x")
    assert seen(sight, "EXEC ZREM", "EXEC")
    assert not seen(sight, "EXEC ZREM", "EXEC")
    assert seen(sight, "EVAL ~return 1", "EVAL", "-- it\nreturn 1", "0")
    sha = "09c5fd87a55bb0b5b2a1f0f3c7d2ea1c49d8cd44"
    assert not seen(sight, "EVALSHA ~return 1", "EVALSHA", sha, "0")


def test_runs_overlap_if_the_second_begins_before_the_end_of_the_first():
    assert _overlap([Run(1, 1, 10, 20, "returned"), Run(2, 1, 15, 30, "returned")])
    assert not _overlap([Run(1, 1, 10, 20, "returned"), Run(2, 1, 20, 30, "returned")])
    assert not _overlap([Run(1, 1, 10), Run(2, 1, 20, 30, "returned")])


@pytest.mark.parametrize(
    "reply",
    [
        b"%2\r\n$5\r\nproto\r\n:3\r\n+a\r\n*1\r\n_\r\n",
        b"~2\r\n#t\r\n,1.5\r\n",
        b"|1\r\n+ttl\r\n:1\r\n$-1\r\n",
        b"=7\r\ntxt:abc\r\n",
        b"*-1\r\n",
        b">2\r\n+message\r\n(123\r\n",
    ],
)
def test_replies_in_resp3_are_told_apart(reply: bytes):
    assert end_of(reply + b"+OK\r\n") == len(reply)
    assert all(end_of(reply[:length]) is None for length in range(len(reply)))
