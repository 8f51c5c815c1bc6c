"""What the pages show of a terminal is what it shows."""

from docs.pages import blocks, read

QUICKSTART = blocks(read("docs/quickstart.md"))


def test_the_quickstart_can_be_followed_from_its_first_line_to_its_last(terminal):
    here = terminal()
    dev = None
    for block in QUICKSTART:
        if block.language == "python":
            here.write(block.text)
        elif block.text.startswith("jobqueue dev"):
            dev = here.start(block.text)
        elif block.language == "console":
            if "job retry" in block.text:
                # As the page says: "Change `send` so that it completes the address".
                program = (here.folder / "app.py").read_text()
                old = """raise ValueError(f"{to!r} is not an address")"""
                assert old in program
                here.write(program.replace(old, 'to += "@example.org"'))
            here.type(block)
    assert dev is not None
    assert f"export JOBQUEUE_URL={here.url}" in dev.log


def test_the_samples_of_the_command_line_are_what_it_prints(terminal, real_server):
    here = terminal(real_server.url, JOBQUEUE_URL=real_server.url)
    here.write(QUICKSTART[1].text)
    here.start("jobqueue worker app:jobs --shutdown-timeout 2")
    for block in blocks(read("docs/cli.md")):
        if block.language == "console":
            here.type(block)
