"""What the speaker says of itself, said anew when something of it has changed."""

import asyncio
from collections.abc import Callable

from moshi_speaker.home.info import Info
from moshi_speaker.speaker.listening import Listening
from moshi_speaker.speaker.live import LiveSettings

REST_S = 0.5
"""Seconds in which changes are gathered: the message is long, and settings change together."""


class About:
    """Gathers it; used from the event loop only."""

    def __init__(self, live: LiveSettings, listening: Listening, publish: Callable[[Info], None]) -> None:
        self._live = live
        self._listening = listening
        self._publish = publish
        self._restart_required: tuple[str, ...] = ()
        self._timer: asyncio.TimerHandle | None = None
        listening.changed = self.renew

    def start(self) -> None:
        """Say it, and from now on whenever one of the settings that may change does so."""
        self._live.on_change(lambda settings: self.renew(), *self._live.names)
        self._say()

    def renew(self) -> None:
        """Something has changed."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REST_S, self._say)

    def restart_required(self, names: tuple[str, ...]) -> None:
        """The file that was read again has other values for these settings, which wait for a restart."""
        self._restart_required = names
        self.renew()

    def stop(self) -> None:
        """Say nothing more. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()

    def _say(self) -> None:
        self._timer = None
        wake = self._listening.wake
        words = tuple(word.name for word in wake.words) if wake.enabled else ()
        self._publish(Info(self._live.settings, words, self._live.names, self._restart_required))
