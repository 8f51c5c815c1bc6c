"""What makes two errors the same."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobqueue.fingerprint import SHOWN, fingerprint_of, masked, raised_in
from jobqueue.store.script import script

TRACEBACK = """Traceback (most recent call last):
  File "/srv/releases/{release}/shop/tasks.py", line {line}, in send
    connect(to)
  File "/srv/releases/{release}/shop/mail.py", line 7, in connect
    raise ConnectionError(to)
ConnectionError: ada
"""


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", ""),
        ("no", "no"),
        ("user 42 has 3.5 of 1,000", "user <n> has <n> of <n>"),
        ("bad address 'ada@b.c'", "bad address <text>"),
        ('no "key" in `table`', "no <text> in <text>"),
        ("can't read it, and won't", "can't read it, and won't"),
        ("mail to ada@example.com bounced", "mail to <address> bounced"),
        ("object at 0x7f3a91c0", "object at <hex>"),
        ("no 6ba7b810-9dad-11d1-80b4-00c04fd430c8 here", "no <id> here"),
        ("job x7Kq21ZdAAbbcc is gone", "job <id> is gone"),
        ("digest d41d8cd98f00b204e9800998ecf8427e", "digest <id>"),
        ("refused by 10.0.0.1:6379", "refused by <address>"),
        ("GET https://a.b/c?d=1 timed out", "GET <url> timed out"),
        ("cannot open /var/lib/app/data.db: gone", "cannot open <path>: gone"),
        (r"cannot open C:\Users\ada\x.txt", "cannot open <path>"),
        ("since 2026-11-21T08:00:00.123Z", "since <time>"),
        ("on 2026-11-21 at noon", "on <time> at noon"),
        ("two\n  lines", "two lines"),
        ("utf8 and sha256 stay short", "utf<n> and sha<n> stay short"),
    ],
)
def test_what_differs_each_time_is_masked(message, expected):
    assert masked(message) == expected


def test_the_place_is_the_innermost_frame_without_folder_and_line():
    assert raised_in(TRACEBACK.format(release=1, line=3)) == "mail.py:connect"
    assert raised_in('  | File "C:\\shop\\tasks.py", line 3, in <lambda>\n') == "tasks.py:<lambda>"
    assert raised_in("") == ""


def test_the_same_error_has_the_same_fingerprint_in_every_release():
    one = fingerprint_of("ConnectionError", "user 1 at 'x'", TRACEBACK.format(release="41", line=3))
    other = fingerprint_of("ConnectionError", "user 27 at 'y'", TRACEBACK.format(release="42", line=30))
    assert one == other
    assert one.pattern == "ConnectionError: user <n> at <text> in mail.py:connect"
    assert re.fullmatch(r"[0-9a-f]{12}", one.id)


@pytest.mark.parametrize(
    "other",
    [
        ("ValueError", "user 1", 'File "a.py", line 1, in send\n'),
        ("KeyError", "shop 1", 'File "a.py", line 1, in send\n'),
        ("KeyError", "user 1", 'File "b.py", line 1, in send\n'),
        ("KeyError", "user 1", 'File "a.py", line 1, in load\n'),
        ("KeyError", "user 1", ""),
    ],
)
def test_another_type_message_or_place_is_another_error(other):
    assert fingerprint_of("KeyError", "user 1", 'File "a.py", line 1, in send\n').id != fingerprint_of(*other).id


@pytest.mark.parametrize(("error", "name"), [("WorkerLost", "reap"), ("DependencyFailed", "relay")])
def test_the_scripts_write_the_fingerprints_of_their_own_errors(error, name):
    assert f'{{"fingerprint":"{fingerprint_of(error, "whatever").id}","type":"{error}"' in script(name).source


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_any_text_has_a_fingerprint_and_a_bounded_pattern(kind, message, traceback):
    found = fingerprint_of(kind, message, traceback)
    assert re.fullmatch(r"[0-9a-f]{12}", found.id)
    assert len(masked(message)) <= SHOWN
    assert found == fingerprint_of(kind, message, traceback)


@given(st.integers(0, 10**30), st.integers(0, 10**30))
def test_numbers_never_make_a_difference(one, other):
    assert masked(f"row {one} of table") == masked(f"row {other} of table")
