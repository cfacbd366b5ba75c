"""Shows how far a download is: a bar on a terminal, plain status lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

LINE_BYTES = 200_000_000
"""Without a terminal there is one status line for so many bytes …"""
LINE_S = 30.0
"""… and one after so many seconds, so that a slow download is not taken for one that hangs."""

Show = Callable[[int, int], None]
"""Told the bytes that are there and the bytes known to be wanted, from any thread."""


class Bytes:
    """What ``huggingface_hub`` takes for a ``tqdm``; only those parts of it that it uses.

    It makes several at once: of files, of bytes from the network, of bytes on the disk. Those of bytes
    are shown, and since they count the same bytes, the one that is ahead.
    """

    show: Show
    _lock: AbstractContextManager[object] = threading.RLock()

    def __init__(
        self,
        iterable: Iterable[object] = (),
        *,
        total: float | None = None,
        initial: float = 0,
        unit: str = "",
        **_: object,
    ) -> None:
        """``unit`` tells what is counted; the options that are about looks are ignored."""
        self.total = total
        self.n = initial
        self.format_dict: dict[str, object] = {}
        self._iterable = iterable
        self._counts_bytes = unit == "B"

    def update(self, n: float | None = 1) -> None:
        """So much more is there."""
        with self._lock:
            self.n += n or 0
        self.refresh()

    def refresh(self, *_: object, **__: object) -> None:
        """Show it."""
        if self._counts_bytes and self.n > 0:
            self.show(int(self.n), int(self.total or 0))

    def close(self) -> None:
        """Nothing is held."""

    def set_description(self, *_: object, **__: object) -> None:
        """Our own words are shown."""

    set_description_str = set_postfix_str = set_description

    @classmethod
    def get_lock(cls) -> AbstractContextManager[object]:
        """As ``tqdm`` shares its lock with threads."""
        return cls._lock

    @classmethod
    def set_lock(cls, lock: AbstractContextManager[object]) -> None:
        """As ``tqdm`` shares its lock with threads."""
        cls._lock = lock

    def __iter__(self) -> Iterator[object]:
        for item in self._iterable:
            yield item
            self.update()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def progress_of(name: str, status: Callable[[str], None]) -> Iterator[type[Bytes]]:
    """A class to be given to ``huggingface_hub`` as ``tqdm_class`` for one download.

    On a terminal it draws a bar on stderr, elsewhere it tells ``status`` from time to time.
    """
    status(f"downloading {name}")
    if not sys.stderr.isatty():
        yield _shown_by(_lines(name, status))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        yield _shown_by(_bar(progress, name))


def _bar(progress: Progress, name: str) -> Show:
    task = progress.add_task(name, total=None)

    def show(n: int, total: int) -> None:
        if n >= progress.tasks[0].completed:
            progress.update(task, completed=n, total=total or None)

    return show


def _lines(name: str, status: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> Show:
    told, last = 0, clock()

    def show(n: int, total: int) -> None:
        nonlocal told, last
        if n // LINE_BYTES > told or clock() - last >= LINE_S:
            told, last = n // LINE_BYTES, clock()
            status(f"downloading {name}: {n / 1e9:.1f} of {total / 1e9:.1f} GB")

    return show


def _shown_by(show: Show) -> type[Bytes]:
    return type("ShownBytes", (Bytes,), {"show": staticmethod(show)})
