"""Everything that knows Redis: keys, scripts, calls and the clients that execute them.

A function of this package that reads or changes something returns a ``Call``: a value that says what to send and how to
read the reply. ``SyncClient`` and ``AsyncClient`` execute it, so no command exists twice.
"""
