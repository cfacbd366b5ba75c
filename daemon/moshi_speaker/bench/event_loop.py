"""An event loop for a benchmark that may be interrupted at any moment."""

import asyncio
import signal


def event_loop() -> asyncio.AbstractEventLoop:
    """A new one, made in one piece: of half a loop, left by Ctrl-C, Python complains in a traceback."""
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, lambda late, _: came.append(late))) for number in numbers]
    try:
        return asyncio.new_event_loop()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)
