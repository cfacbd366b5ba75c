"""The microphone's way to clean sound, as the settings ask for it, and the room that is remembered."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from moshi_speaker.audio.conditioning import Conditioned
from moshi_speaker.audio.echo import EchoCanceller, EchoState, NoEchoCanceller, Rung
from moshi_speaker.audio.echo import room as rooms
from moshi_speaker.audio.echo.canceller import KalmanCanceller
from moshi_speaker.audio.echo.duplex import Duplex
from moshi_speaker.audio.echo.rung import Ladder
from moshi_speaker.audio.mixer import Mixer
from moshi_speaker.audio.reference import Reference
from moshi_speaker.settings import Settings

log = logging.getLogger(__name__)

_IN_WORDS = {
    Rung.OPEN: "both sides may talk at once",
    Rung.GUARDED: "Moshi is softer, and the wake word must be clearer",
    Rung.HALF_DUPLEX: "Moshi does not hear while it is heard",
}


class Microphone:
    """Owns the echo canceller and what is behind it; used from the event loop, but for ``chain``."""

    def __init__(
        self,
        settings: Settings,
        reference: Reference,
        mixer: Mixer,
        *,
        folder: Path | None,
        changed: Callable[[], None],
    ) -> None:
        """``reference`` is what was played; ``mixer`` plays more softly where the echo is badly cancelled.

        ``folder`` keeps the room; None: forget it at the end. ``changed`` hears in the event loop (it must be
        running), when the canceller is trusted more or less than before.
        """
        self._loop = asyncio.get_running_loop()
        self._folder = folder if settings.echo.remember_room else None
        self._mixer = mixer
        self._duck_db = settings.echo.duck_db
        self._on_change = changed
        self._devices = ""
        self._kept: rooms.Room | None = None
        self._complained = False
        self._canceller: KalmanCanceller | None = None
        self._duplex: Duplex | None = None
        echo: EchoCanceller = NoEchoCanceller()
        if settings.echo.enabled:
            self._canceller = KalmanCanceller(reference, suppress=settings.echo.suppress_residual)
            echo = self._duplex = Duplex(self._canceller, self._changed)
        self._conditioned = Conditioned(
            echo,
            noise_suppression_db=settings.audio.noise_suppression_db,
            gain_control=settings.audio.gain_control,
        )

    @property
    def chain(self) -> EchoCanceller:
        """What the front end shall clean its frames with."""
        return self._conditioned

    @property
    def rung(self) -> Rung | None:
        """How far the echo canceller is trusted; None without one."""
        return None if self._duplex is None else self._duplex.ladder.rung

    @property
    def state(self) -> EchoState | None:
        """How the echo canceller fares; None without one."""
        return None if self._canceller is None else self._canceller.state

    def change(self, settings: Settings) -> None:
        """Other settings hold from now on."""
        self._duck_db = settings.echo.duck_db
        self._duck()
        self._conditioned.change(settings.audio.noise_suppression_db, settings.audio.gain_control)

    async def opened(self, devices: str) -> None:
        """The sound devices are open, again maybe: begin with the room of these, if it is known."""
        before, self._devices = self._devices, devices
        if self._canceller is None or devices == before:
            return
        if before:
            log.info("the room of %s is not known yet", devices)
            self._kept = None
            self._canceller.forget()
        if self._folder is None:
            return
        self._kept = await asyncio.to_thread(rooms.load, self._folder, devices)
        if self._kept is not None:
            self._canceller.recall(self._kept)
            log.info("the room is known from before")

    async def keep(self) -> None:
        """Remember the room as it is known by now. Never raises."""
        room = self._canceller.room if self._canceller else None
        if self._folder is None or room is None or room is self._kept:
            return
        self._kept = room
        try:
            await asyncio.to_thread(rooms.save, room, self._folder, self._devices)
        except OSError as error:
            if not self._complained:
                self._complained = True
                log.warning("%s: the room cannot be remembered (%s)", self._folder, error.strerror)

    def _changed(self, ladder: Ladder) -> None:
        """On the front end's thread."""
        self._loop.call_soon_threadsafe(self._tell, ladder)

    def _tell(self, ladder: Ladder) -> None:
        state, rung = self.state, ladder.rung
        if state is not None and state.reduction_db is not None:
            log.info("echo %.0f dB softer, %s: %s", state.reduction_db, rung, _IN_WORDS[rung])
        elif state is not None and state.unfound:
            log.info("an echo that comes too late or changes all the time, %s: %s", rung, _IN_WORDS[rung])
        else:
            log.info("no echo, %s: %s", rung, _IN_WORDS[rung])
        self._duck()
        self._on_change()

    def _duck(self) -> None:
        ducked = self._duplex is not None and self._duplex.ladder.ducked
        self._mixer.duck_db = self._duck_db if ducked else 0.0
