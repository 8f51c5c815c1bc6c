"""How log lines look: for people or for machines."""

import json
import logging
import sys
from datetime import UTC, datetime

from jobqueue.visible import visible

_FIELDS = ("job_id", "task", "queue", "attempt")


def set_up_logging(level: str, log_format: str) -> None:
    """Write the log of this process to stderr.

    Args:
        level: the name of the level from which on lines are written: ``debug``, ``info``, ``warning`` or ``error``.
        log_format: ``text``, or ``json`` for one JSON object per line.
    """
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)-7s %(process)d %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("jobqueue").setLevel(level.upper())


class TextFormatter(logging.Formatter):
    """A line for people, whatever is in the message of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and those of a traceback."""
        return visible(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object per line; the fields of a job are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line |= {field: getattr(record, field) for field in _FIELDS if hasattr(record, field)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
