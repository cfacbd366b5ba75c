"""The speaker: all parts put together and kept alive."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from moshi_speaker.settings import Settings
from moshi_speaker.speaker.garbage import exempt_what_is_there
from moshi_speaker.speaker.sole import sole_user
from moshi_speaker.tracing import Tracer, written


def run(settings: Settings, trace: Path | None = None, reread: Callable[[], Settings] | None = None) -> bool:
    """Run the speaker with the real parts until SIGINT, SIGTERM or SIGHUP; its ``trace`` goes to a file.

    ``reread`` reads the configuration file again. Gives back whether somebody asked for a restart; never with
    a trace, of which the next life would leave nothing. Raises SpeakerError.
    """
    with sole_user(settings.speaker.state_dir):
        if trace is None:
            return asyncio.run(_run(settings, reread))
        with written(trace, time.monotonic) as tracer:
            asyncio.run(_run_traced(settings, tracer))
            return False


async def _run(settings: Settings, reread: Callable[[], Settings] | None) -> bool:
    # Imported here: the parts take a while to load.
    from moshi_speaker.speaker.daemon import Speaker
    from moshi_speaker.speaker.listening import first_detector, maker
    from moshi_speaker.speaker.memory import Memory
    from moshi_speaker.speaker.parts import engine, sound_device, stop_detector
    from moshi_speaker.speaker.restart import Restarts
    from moshi_speaker.speaker.sleep import asleep_s

    memory = Memory(settings.speaker.state_dir)
    speaker = Speaker(
        settings,
        sound_device(settings, time.monotonic),
        first_detector(settings.wake, memory, maker(settings.speaker.state_dir)),
        lambda status: engine(settings, status),
        time.monotonic,
        stop_detector=stop_detector(settings),
        memory=memory,
        asleep=asleep_s,
        reread=reread,
        restarts=Restarts(os.environ, time.monotonic),
    )
    exempt_what_is_there()
    stop_on_signals(speaker.stop)
    await speaker.run()
    return speaker.restarting


async def _run_traced(settings: Settings, tracer: Tracer) -> None:
    from moshi_speaker.speaker.parts import sound_device
    from moshi_speaker.speaker.probes import traced_speaker

    speaker = traced_speaker(settings, sound_device(settings, tracer.clock), tracer)
    exempt_what_is_there()
    stop_on_signals(speaker.stop)
    await speaker.run()


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call ``stop`` in the running event loop at each SIGINT, SIGTERM, and SIGHUP unless that is ignored."""
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as ``nohup`` leaves it
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop)
