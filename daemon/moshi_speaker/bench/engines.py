"""An engine that tells when it is ready."""

import asyncio

from moshi_speaker.engine.interface import EngineInfo, Status
from moshi_speaker.engine.process import LocalEngine
from moshi_speaker.errors import SpeakerError
from moshi_speaker.settings import Settings

Ready = asyncio.Future[EngineInfo]
"""Gets what the first start of an engine says, or why it failed; a restart changes nothing."""


class TellingEngine(LocalEngine):
    """The speaker's own engine, whose start settles a future."""

    def __init__(self, settings: Settings, status: Status, ready: Ready) -> None:
        """``status`` hears what the start is busy with."""
        super().__init__(settings.model, settings.engine, status=status)
        self._ready = ready

    async def start(self) -> EngineInfo:
        """As the engine does."""
        try:
            info = await super().start()
        except SpeakerError as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            raise
        if not self._ready.done():
            self._ready.set_result(info)
        return info
