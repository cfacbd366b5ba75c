"""The engine process: ``python -m moshi_speaker.engine.worker``, with pipes to the speaker on 0 and 1.

``--dialogue module:function`` names a loader of the shape ``dialogue.Load`` for other models, and for tests.
"""

import argparse
import ctypes
import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import cast

from moshi_speaker.engine.dialogue import Load
from moshi_speaker.engine.failures import tell
from moshi_speaker.engine.inbox import Inbox
from moshi_speaker.engine.messages import Close, Message
from moshi_speaker.engine.protocol import Decoder, encode
from moshi_speaker.engine.serving import serve
from moshi_speaker.engine.voice import PR_SET_PDEATHSIG, with_voice
from moshi_speaker.errors import EngineError, SpeakerError

DEFAULT_DIALOGUE = "moshi_speaker.moshi.dialogue:load"
EXIT_GRACE_S = 0.5
"""Seconds that the work in hand may still take once the speaker is gone or has said Close."""
_READ_BYTES = 65_536


def main() -> int:
    """Serve the speaker at the other end of the pipes until it says Close or is gone; the exit code."""
    started = time.monotonic()
    output = _claim_stdout()
    _live_and_die_with_parent()
    parser = argparse.ArgumentParser(prog="moshi-speaker engine")
    parser.add_argument("--dialogue", default=DEFAULT_DIALOGUE, metavar="MODULE:FUNCTION")
    load = _loader(parser.parse_args().dialogue)
    return _work(_sender(output), with_voice(load), started)


def _work(send: Callable[[Message], None], load: Load, started: float) -> int:
    inbox, finished = Inbox(), threading.Event()
    reading = (sys.stdin.fileno(), inbox, send, finished)
    threading.Thread(target=_read, args=reading, name="pipe", daemon=True).start()
    try:
        serve(inbox, send, load, time.monotonic, started)
    except BrokenPipeError:
        return 0
    except SpeakerError as error:
        return _give_up(send, error)
    except Exception as error:  # noqa: BLE001 - the last-resort boundary of this process
        traceback.print_exc()
        what = f"the model failed: {type(error).__name__}: {error}"
        return _give_up(send, EngineError(what, remedy="the log has the details"))
    finally:
        finished.set()
    return 0


def _claim_stdout() -> int:
    """Keep the pipe for the protocol alone: whatever is printed goes to the log."""
    output = os.dup(1)
    os.dup2(2, 1)
    return output


def _live_and_die_with_parent() -> None:
    """Leave the terminal's and the service manager's signals to the speaker, and never outlive it.

    The end of the input says the same everywhere, but not to a thread that is stuck in foreign code.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _loader(dialogue: str) -> Load:
    module, _, function = dialogue.partition(":")

    def load(*arguments: object) -> object:
        return getattr(importlib.import_module(module), function)(*arguments)

    return cast(Load, load)


def _sender(output: int) -> Callable[[Message], None]:
    lock = threading.Lock()

    def send(message: Message) -> None:
        data = memoryview(encode(message))
        with lock:
            while data:
                data = data[os.write(output, data) :]

    return send


def _read(source: int, inbox: Inbox, send: Callable[[Message], None], finished: threading.Event) -> None:
    """Move what comes into the inbox until Close or the end; then see to it that the process ends."""
    try:
        for message in _messages(source):
            if isinstance(message, Close):
                break
            inbox.put(message, time.monotonic())
    except SpeakerError as error:
        _give_up(send, error)
    inbox.close()
    if not finished.wait(EXIT_GRACE_S):
        os._exit(0)


def _messages(source: int) -> Iterator[Message]:
    decoder = Decoder()
    while data := os.read(source, _READ_BYTES):
        yield from decoder.feed(data)


def _give_up(send: Callable[[Message], None], error: SpeakerError) -> int:
    with suppress(BrokenPipeError):  # nobody is left to hear it
        send(tell(error))
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
