"""What protects texts in the server: encryption, then a signature around it. Either may be missing."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic_core import from_json, to_json

from jobqueue.encryption import Encryption
from jobqueue.signing import Binding, Distrusted, Signing, signature_within, without_signature
from jobqueue.steering import Gathering, Steering
from jobqueue.stored import READ_LIMIT, TooLong, read_json

# What the server puts in front of the text of a job.
_OF_THE_SERVER = re.compile(rb'\A\{"at":\d+,(?:"due":(?:\d+|null),)?')
_TASK = re.compile(rb'\A\{"task":"([A-Za-z0-9_.:-]{1,128})"')
_HIDDEN = re.compile(rb'\A\{"task":"([A-Za-z0-9_.:-]{1,128})","args":"(1\.[^"]*)"\}\Z')
_HIDDEN_RESULT = re.compile(rb'\A\{"\$encrypted":"(1\.[^"]*)"\}\Z')
_GATHERED = re.compile(rb'\A\{"task":"([A-Za-z0-9_.:-]{1,128})","args":\{"\$gathered":\[')
_GATHERED_END = b"]}}"
_LAST_NAME = re.compile(rb'"([^"]*)":\[\Z')

# How the word begins with which the text of one job may take the place of that of another, by the hand of the server.
_SHARED = "dedup=debounce:", "dedup=keep_last:"

NO_KEY = "it is encrypted, and there is no key for it here"


class Seal:
    """Seals what is written into the server, and opens what is read there.

    Args:
        signing: signs; None for no signatures.
        encryption: encrypts; None for plain text.
        clock: returns the time in milliseconds since 1970.
        read_limit: bytes of a job that are decoded.
    """

    def __init__(
        self,
        signing: Signing | None,
        encryption: Encryption | None,
        clock: Callable[[], int],
        read_limit: int = READ_LIMIT,
    ) -> None:
        self._read_limit = read_limit
        self._signing = signing
        self._encryption = encryption
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Seal {self._signing} {self._encryption}>"

    @property
    def fingerprint(self) -> str:
        """A short text that changes with what can be opened, and tells nothing of the keys."""
        signing, encryption = self._signing, self._encryption
        parts = ["-" if each is None else f"{each.keys.fingerprint}{each.require:d}" for each in (signing, encryption)]
        if signing is not None and signing.max_age is not None:
            parts.append(f"{signing.max_age:g}")
        return "+".join(parts)

    # -- jobs --------------------------------------------------------------------------------------------------------

    def job(self, place: str, job_id: str, text: bytes, steering: Steering | None) -> tuple[bytes, Steering | None]:
        """Return the text of a job as it is sent, and what steers it then.

        Args:
            place: the prefix and the queue, ``PREFIX:QUEUE``.
            job_id: its id.
            text: its specification.
            steering: what steers it.
        """
        if steering is None:
            return self.close(Binding("job", place, job_id), text), None
        if steering.gathering is not None:
            return self._call(place, text, steering, steering.gathering)
        return self.close(binding_of(place, job_id, steering.to_wire()), text), steering

    def open_job(self, place: str, job_id: str, text: bytes, now: float | None = None) -> bytes:
        """Return the specification of a job, with what the server has put in front of it.

        Args:
            place: the prefix and the queue.
            job_id: its id.
            text: the stored text.
            now: the time of the server in seconds since 1970; None to accept what was signed long ago.

        Raises:
            Distrusted: it is not what somebody with a key has written for this place, or cannot be decrypted.
        """
        match = _OF_THE_SERVER.match(text)
        head, body = (text[1 : match.end()], b"{" + text[match.end() :]) if match else (b"", text)
        if _GATHERED.match(body):
            body = self._calls(place, body, now)
        else:
            body = self.open(Binding("job", place, job_id), body, now)
        return b"{" + head + body[1:]

    def close(self, binding: Binding, text: bytes) -> bytes:
        """Return a specification, encrypted and signed."""
        return self.sign(binding, self.hide(binding, text))

    def open(self, binding: Binding, text: bytes, now: float | None = None) -> bytes:
        """Return the specification that ``close`` was given.

        Raises:
            Distrusted: as for ``open_job``.
        """
        return self.uncover(binding, self.verified(binding, text, now))

    # -- parts of it -------------------------------------------------------------------------------------------------

    def sign(self, binding: Binding, text: bytes) -> bytes:
        """Return a JSON object with its signature."""
        if self._signing is None:
            return text
        # A schedule has no time: it is the same text, whichever process declares it.
        return self._signing.sign(binding, text, 0 if binding.purpose == "schedule" else self._clock())

    def verified(self, binding: Binding, text: bytes, now: float | None = None) -> bytes:
        """Return a JSON object without its signature.

        Raises:
            Distrusted: it has none and must have one, or it is wrong.
        """
        return without_signature(text) if self._signing is None else self._signing.check(binding, text, now)[0]

    def hide(self, binding: Binding, text: bytes) -> bytes:
        """Return a specification of which only the name of the task can be read."""
        if self._encryption is None:
            return text
        match = _TASK.match(text)
        assert match is not None, "a specification begins with its task"
        task = match[1].decode()
        return b'{"task":"%b","args":"%b"}' % (match[1], self._encryption.encrypt(binding, task, text))

    def uncover(self, binding: Binding, text: bytes) -> bytes:
        """Return a specification that may be encrypted.

        Raises:
            Distrusted: it cannot be decrypted, or is not encrypted and must be.
        """
        hidden = _HIDDEN.match(text)
        if hidden is None:
            if self._encryption is not None and self._encryption.require:
                raise Distrusted("it is not encrypted")
            return text
        if self._encryption is None:
            raise Distrusted(NO_KEY)
        return self._encryption.decrypt(binding, hidden[1].decode(), hidden[2])

    # -- results -----------------------------------------------------------------------------------------------------

    def result(self, place: str, job_id: str, text: bytes) -> bytes:
        """Return the result of a job as it is stored."""
        binding = Binding("result", place, job_id)
        if self._encryption is not None:
            text = b'{"$encrypted":"%b"}' % self._encryption.encrypt(binding, "", text)
        elif self._signing is not None:
            text = b'{"$result":%b}' % text
        return self.sign(binding, text)

    def open_result(self, place: str, job_id: str, text: bytes) -> bytes:
        """Return the JSON text of what a job has returned.

        Raises:
            Distrusted: it is not what a worker with a key has written for this job, or cannot be decrypted.
        """
        binding = Binding("result", place, job_id)
        signed = signature_within(text)
        body = self.verified(binding, text)
        hidden = _HIDDEN_RESULT.match(body)
        if hidden is not None:
            if self._encryption is None:
                raise Distrusted(NO_KEY)
            return self._encryption.decrypt(binding, "", hidden[1])
        if self._encryption is not None and self._encryption.require:
            raise Distrusted("it is not encrypted")
        return _unwrapped(body) if signed else text

    # -- jobs that gather --------------------------------------------------------------------------------------------

    def _call(self, place: str, text: bytes, steering: Steering, found: Gathering) -> tuple[bytes, Steering]:
        """Return a job that gathers: the server joins the items of calls, so each call is sealed as one item."""
        match = _LAST_NAME.search(text[: len(text) - found.start])
        task = _TASK.match(text)
        assert match is not None, "the items are the last argument"
        assert task is not None, "a specification begins with its task"
        call = text[:-1] + b',"gathers":"%b"}' % match[1]
        item = to_json(self.close(Binding("group", place, ""), call).decode())
        sealed = b'{"task":"%b","args":{"$gathered":[%b]}}' % (task[1], item)
        end = len(_GATHERED_END)
        gathering = replace(found, start=end + len(item), end=end)
        return sealed, replace(steering, gathering=gathering)

    def _calls(self, place: str, text: bytes, now: float | None) -> bytes:
        """Return the specification of a job that has gathered calls."""
        binding = Binding("group", place, "")
        try:
            calls = read_json(text, "it", self._read_limit)["args"]["$gathered"]
            opened = [from_json(self.open(binding, call.encode(), now)) for call in calls]
            first: dict[str, Any] = opened[0]
            if not text.startswith(b'{"task":"%b",' % first["task"].encode()):
                raise Distrusted("it has gathered calls of another task")
            name = first.pop("gathers")
            items = first["args"].pop(name)
            for each in opened[1:]:
                items += each["args"].pop(name)
                if each["args"] != first["args"] or each["task"] != first["task"]:
                    raise Distrusted("it has gathered calls that do not belong together")
        except (Distrusted, TooLong):
            raise
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise Distrusted("it has gathered something that is no call") from None
        first["args"][name] = items
        return to_json(first)


def clock_of(now: Callable[[], int | None]) -> Callable[[], int]:
    """Return what tells the time in milliseconds: that of a test which travels, else that of this machine."""

    def clock() -> int:
        travelled = now()
        return int(time.time() * 1000) if travelled is None else travelled

    return clock


def binding_of(place: str, job_id: str, words: str) -> Binding:
    """Return what the text of a job is bound to: not to its id if that of another job may take its place.

    Args:
        place: the prefix and the queue.
        job_id: its id.
        words: what steers it, as ``Steering.to_wire`` has it.
    """
    # Whole words: a key may hold any of these texts.
    shared = any(word.startswith(_SHARED) for word in words.split(" "))
    return Binding("group", place, "") if shared else Binding("job", place, job_id)


def open_result(seal: Seal | None, place: str, job_id: str, text: bytes) -> bytes:
    """Return the JSON text of what a job has returned; without keys, a signature is not looked at.

    Raises:
        Distrusted: see ``Seal.open_result``.
    """
    if seal is not None:
        return seal.open_result(place, job_id, text)
    if not text.startswith(b'{"$'):
        return text
    body = without_signature(text)
    if _HIDDEN_RESULT.match(body):
        raise Distrusted(NO_KEY)
    return _unwrapped(body) if signature_within(text) else text


def is_encrypted(text: bytes) -> bool:
    """Tell whether a stored specification is encrypted, or has gathered sealed calls: it takes keys to read it."""
    match = _OF_THE_SERVER.match(text)
    body = b"{" + text[match.end() :] if match else text
    return _GATHERED.match(body) is not None or _HIDDEN.match(without_signature(body)) is not None


def is_sealed(text: bytes) -> bool:
    """Tell whether a stored specification is signed, encrypted, or has gathered such calls."""
    return signature_within(text) or is_encrypted(text)


def _unwrapped(body: bytes) -> bytes:
    begin = b'{"$result":'
    return body[len(begin) : -1] if body.startswith(begin) else body
