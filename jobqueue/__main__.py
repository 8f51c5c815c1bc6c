"""``python -m jobqueue`` is ``jobqueue``."""

from jobqueue.cli import main

main()
