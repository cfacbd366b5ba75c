"""A thread for calls that block."""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Thread
from typing import Any


class DaemonExecutor(Executor):
    """One thread, one call after the other.

    Python waits at its end for the threads of a ThreadPoolExecutor, so a call that hangs in a sound driver
    would keep the process alive for ever; not so this one.
    """

    def __init__(self, name: str) -> None:
        """The thread starts with the first call."""
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":  # noqa: ANN401
        """Call it after those that wait already."""
        future: Future[Any] = Future()
        self._calls.put(lambda: _call(future, lambda: fn(*args, **kwargs)))
        if self._thread.ident is None:
            self._thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread after the calls that wait (they are never cancelled). May be called twice."""
        self._calls.put(None)
        if wait and self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _call(future: "Future[Any]", function: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = function()
    except BaseException as error:  # noqa: BLE001 - not ours: it is raised where the result is awaited
        future.set_exception(error)
    else:
        future.set_result(result)
