"""Where the code of a job runs: on the event loop, in a thread, or in a process of its own."""
