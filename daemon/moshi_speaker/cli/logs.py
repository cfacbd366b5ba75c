"""The log: one line a record, to stderr."""

import logging
import os
from collections.abc import Collection, Mapping

LINE = "%(levelname)s %(name)s: %(message)s"


def set_up(level: str, environ: Mapping[str, str] = os.environ, quiet: Collection[str] = ()) -> None:
    """Log our own parts from ``level`` on, everybody else's from warnings on, the ``quiet`` ones never.

    Lines carry the time unless systemd runs us: the journal adds it.
    """
    supervised = "JOURNAL_STREAM" in environ or "INVOCATION_ID" in environ
    logging.basicConfig(
        level=logging.WARNING, format=LINE if supervised else f"%(asctime)s {LINE}", force=True
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(lambda record: record.name not in quiet)
    logging.getLogger("moshi_speaker").setLevel(level.upper())
