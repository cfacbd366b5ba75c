"""A process that records as fast as it can, says what may be sent, and is killed in the midst of it."""

import sys
import threading
from pathlib import Path

from moshi_speaker.history.history import History
from moshi_speaker.settings import HistorySettings
from tests.history.record import wake


def main() -> None:
    """Record events into the folder named; print each that is kept as soon as it is."""
    history = History(Path(sys.argv[1]), HistorySettings())
    news = threading.Semaphore(0)
    history.start(lambda: news.release(), sys.exit)
    told = number = 0
    while True:
        for _ in range(7):
            number += 1
            history.record(wake(f"e{number}"))
        news.acquire()
        for event in history.after(told, 1_000):
            told = event.number
            sys.stdout.write(f"{event.payload}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
