"""``jobqueue explain``, and ids that are shortened at the prompt."""

from cli.commands import Shell

from jobqueue import JobQueue


def test_the_reasons_are_printed_those_that_hold_the_job_first(shell: Shell, producer: JobQueue):
    producer.queue("mail").enqueue("send", {"to": "ada"}, id="invoice-4711", expires=3600)
    producer.queue("mail").enqueue("send", {"to": "ada"}, id="invoice-4712")
    producer.queue("mail").pause()

    text, as_json, missing, short, shown, off, unclear = shell.all(
        ("explain", "invoice-4711"),
        ("explain", "invoice-4711", "--json"),
        ("explain", "invoice-4711", "-q", "nosuch"),
        ("explain", "invoice-4712", "--queue", "mail"),
        ("job", "show", "invoice-4712", "--json"),
        ("job", "cancel", "invoice-471"),
        ("explain", "invo"),
    )

    assert text.code == 0
    lines = text.out.splitlines()
    assert lines[0] == "job invoice-4711 (send) in queue mail is waiting"
    assert lines[1:4] == [
        "  * queue mail is paused",
        "  * no worker takes jobs from queue mail now",
        "  - it is the next of its line",
    ]
    assert lines[4].startswith("  - it is cancelled if it has not started by ")
    found = as_json.json
    assert set(found) == {"id", "queue", "state", "task", "now", "reasons"}
    assert [(each["code"], each["holds"]) for each in found["reasons"]] == [
        ("paused", True), ("no_worker", True), ("position", False), ("expires", False),
    ]  # fmt: skip
    assert all(set(each) == {"code", "text", "holds", "details"} for each in found["reasons"])
    assert found["reasons"][0]["details"] == {"what": "queue", "name": "mail"}
    assert (missing.code, "'nosuch' was never used" in missing.complaint) == (1, True)
    assert "1 job of its line goes before it" in short.out
    assert shown.json["id"] == "invoice-4712"
    for done in (off, unclear):
        assert done.code == 1
        assert "invoice-4711 in mail, invoice-4712 in mail" in done.complaint
    assert producer.inspect.find("invoice-4711").state() == "waiting"


def test_the_beginning_of_an_id_will_do_wherever_a_job_is_named(shell: Shell, producer: JobQueue):
    job = producer.queue("mail").enqueue("send", {}, id="invoice-4711", delay=60)

    for arguments in (("job", "show", "invo"), ("job", "logs", "invoi"), ("job", "promote", "invoice", "invoice-4711")):
        assert shell(*arguments).code == 0

    assert job.state() == "waiting"
    assert shell("job", "show", "inv").code == 1, "three characters are too few"
