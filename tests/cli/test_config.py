"""The configuration at the prompt, and what commands make of it."""

from cli.commands import Shell


def test_the_file_of_the_folder_is_what_commands_go_by(shell: Shell, application, start):
    application("from jobqueue import JobQueue\njobs = JobQueue()\n@jobs.task\ndef work(): ...\n")
    url = shell.variables.pop("JOBQUEUE_URL")
    application("", "empty")
    (shell.folder / "pyproject.toml").write_text(
        f'[tool.jobqueue]\nurl = "{url}"\napp = "app:jobs"\nconcurrency = 3\nqueues = ["mail"]\n'
    )
    worker = start("worker", JOBQUEUE_CONCURENCY="5")
    worker.says("takes jobs from mail")
    worker.says("3 at once")
    worker.says("note: JOBQUEUE_CONCURENCY is no setting (did you mean 'JOBQUEUE_CONCURRENCY'?)")
    assert shell("enqueue", "work", "-q", "mail", "--wait").out == "null\n"
    shown = shell("config", "show", "--origin", JOBQUEUE_URL="redis://ada:hunter2@localhost/0").out
    assert "redis://ada:***@localhost/0" in shown
    assert "hunter2" not in shown
    members = shell("config", "show", "--json").json
    assert members["concurrency"] == {"value": 3, "origin": "pyproject.toml"}
    (shell.folder / "jobqueue.toml").write_text("concurency = 3")
    wrong = shell("status")
    assert (wrong.code, wrong.complaint) == (
        2,
        "Error: jobqueue.toml: there is no setting 'concurency' (did you mean 'concurrency'?)",
    )
