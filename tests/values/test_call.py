"""A call to the server as a value."""

import pytest

from jobqueue.store.call import run_command, run_script
from jobqueue.store.keys import KEYS, queue_keys, registry
from jobqueue.store.script import assemble, script, script_names

KEYS_OF_MAIL = queue_keys("jq", "mail")
TEXT = """--[[ Do.
@key jobs hash
@key inbox list
@arg id str
@rest more 1 a word
@repeat safe ]]
return 1
"""
DO = assemble("do", {"do": TEXT})


def test_a_script_is_sent_by_its_text_and_then_by_its_hash():
    call = run_script(DO, KEYS_OF_MAIL, ("j1",), int, worker="w1", rest=["a", b"b"])
    tail = (2, "{jq:mail}:jobs", "{jq:mail}:inbox:w1", "", "j1", "a", b"b")
    assert call.words("", flagged=False, by_hash=False) == ("EVAL", DO.text(flagged=False), *tail)
    assert call.words("", flagged=True, by_hash=False) == ("EVAL", DO.text(flagged=True), *tail)
    assert call.words("", flagged=False, by_hash=True) == ("EVALSHA", DO.sha(flagged=False), *tail)
    assert call.words("", flagged=True, by_hash=True) == ("EVALSHA", DO.sha(flagged=True), *tail)


def test_the_time_goes_before_the_other_arguments():
    call = run_script(DO, KEYS_OF_MAIL, ("j1",), int)
    assert call.words("1763700000000", flagged=False, by_hash=True)[-2:] == ("1763700000000", "j1")


def test_a_command_is_sent_as_it_is_whatever_the_time_and_the_server():
    call = run_command("HGET", "key", "field", read=bytes, repeatable=True)
    assert call.words("1763700000000", flagged=True, by_hash=True) == ("HGET", "key", "field")


def test_a_call_is_named_after_its_script_or_command_and_reads_its_reply():
    by_script = run_script(DO, KEYS_OF_MAIL, ("j1",), int)
    by_command = run_command("HGET", "key", "field", read=len, repeatable=False)
    assert (by_script.name, by_script.repeatable, by_script.read(b"5")) == ("do", True, 5)
    assert (by_command.name, by_command.repeatable, by_command.read(b"12345")) == ("HGET", False, 5)


@pytest.mark.parametrize("args", [(), ("j1", "j2")])
def test_a_script_takes_as_many_arguments_as_it_declares(args):
    with pytest.raises(TypeError, match=r"do\.lua takes \('id',\), not \d arguments"):
        run_script(DO, KEYS_OF_MAIL, args, int)


def test_every_key_of_a_queue_carries_the_tag_that_keeps_them_on_one_node():
    names = {KEYS_OF_MAIL[name] for name in KEYS} | {KEYS_OF_MAIL.inbox("w1"), KEYS_OF_MAIL.finished("j1")}
    assert len(names) == len(KEYS) + 2
    assert {name[: name.index("}") + 1] for name in names} == {"{jq:mail}"}


def test_queues_and_prefixes_share_no_keys():
    apart = [queue_keys(prefix, queue) for prefix in ("a", "b") for queue in ("x", "y")]
    assert len({keys[name] for keys in apart for name in KEYS}) == 4 * len(KEYS)
    assert registry("a") != registry("b")


def test_every_key_is_used_by_a_script():
    used = {name for found in map(script, script_names()) for name in found.keys}
    assert used == set(KEYS)
