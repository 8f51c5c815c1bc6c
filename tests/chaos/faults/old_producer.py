"""Enqueues jobs as an older version does: it is run with that version in the path, and uses only what that one has."""

import sys
from pathlib import Path

from chaos.ledger import Ledger

from jobqueue import JobQueue, ServerError

url, ledger_path, count = sys.argv[1:]
ledger = Ledger(Path(ledger_path))
jobs = JobQueue(url, prefix="chaos")
main = jobs.queue("main")
for n in range(int(count)):
    try:
        main.enqueue("work", {"n": n}, id=f"old{n}")
    except ServerError:
        ledger.write("unknown", "main", f"old{n}")
    else:
        ledger.write("accepted", "main", f"old{n}")
jobs.close()
