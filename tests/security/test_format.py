"""Whoever follows the page about signing, with no more than a library of cryptography, makes what workers take."""

import base64
import hashlib
import hmac
import json
import os
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from docs.pages import codes, read, table
from security.conftest import NEW, SECRET
from working import worker_of

from jobqueue import Encryption, Signing
from jobqueue.job import Specification
from jobqueue.store.jobs import NewJob, add

PAGE = read("docs/signing-and-encryption.md")


def frame(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def base(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(text: bytes, *binding: bytes) -> bytes:
    covered = frame(b"jobqueue signature 1", b"new", *binding, b"1763700000000", text)
    mac = base(hmac.new(NEW, covered, hashlib.sha256).digest())
    return text[:-1] + b',"sig":"1.' + binding[0] + b".new.1763700000000." + mac + b'"}'


def encrypted(task: bytes, text: bytes, *binding: bytes) -> bytes:
    about = frame(b"jobqueue encryption 1", b"e", *binding, task)
    nonce = os.urandom(12)
    key = hmac.new(SECRET, about, hashlib.sha512).digest()[:32]
    return b"1." + binding[0] + b".e." + base(nonce + AESGCM(key).encrypt(nonce, text, about))


async def test_another_language_signs_and_encrypts(of, raw):
    jobs = of(signing=Signing({"new": NEW}), encryption=Encryption({"e": SECRET}))

    @jobs.task
    async def send(to: str) -> str:
        return f"sent to {to}"

    binding = (b"job", b"jq:default", b"theirs")
    hidden = encrypted(b"send", b'{"task":"send","args":{"to":"a@b.c"},"timeout":30}', *binding)
    text = signed(b'{"task":"send","args":"' + hidden + b'"}', *binding)
    jobs.connections.run(add(jobs.keys("default"), [NewJob("theirs", text)]))
    async with worker_of(jobs):
        assert await jobs.job("default", "theirs").aresult(10) == "sent to a@b.c"

    # And reads the result.
    record = json.loads(raw.hget("{jq:default}:outcomes", "theirs"))
    [token, signature] = record[5]["$encrypted"].encode(), record[5]["sig"]
    _, purpose, name, hidden = token.split(b".")
    assert (purpose, name) == (b"result", b"e")
    about = frame(b"jobqueue encryption 1", b"e", b"result", b"jq:default", b"theirs", b"")
    data = base64.urlsafe_b64decode(hidden + b"=" * (-len(hidden) % 4))
    key = hmac.new(SECRET, about, hashlib.sha512).digest()[:32]
    assert AESGCM(key).decrypt(data[:12], data[12:], about) == b'"sent to a@b.c"'
    version, purpose, name, at, mac = signature.encode().split(b".")
    covered = b'{"$encrypted":"' + token + b'"}'
    binding = (b"result", b"jq:default", b"theirs")
    expected = hmac.new(NEW, frame(b"jobqueue signature 1", name, *binding, at, covered), hashlib.sha256).digest()
    assert (version, purpose, base(expected)) == (b"1", b"result", mac)


def test_all_that_is_promised_to_be_hidden_is_a_member_of_a_specification():
    [row] = [
        row for row in table(PAGE, "an intruder who can read", "with encryption") if "jobs and schedules" in row[0]
    ]
    assert set(codes(row[1])) <= set(Specification._fields)


def test_the_reasons_on_the_page_are_those_of_the_code():
    source = "".join(read(f"jobqueue/{name}.py") for name in ("signing", "encryption", "seal"))
    for reason, _ in table(PAGE, "reason", "meaning"):
        for text in codes(reason):
            beginning = text.partition("...")[0].partition("'")[0].partition("=")[0].rstrip(": ")
            assert beginning in source, text
