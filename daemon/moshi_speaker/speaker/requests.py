"""What somebody asked for that is no matter of the conversation: done or refused, and answered."""

from collections.abc import Callable

from moshi_speaker import events as ev
from moshi_speaker.errors import BadCommand
from moshi_speaker.speaker.listening import Listening
from moshi_speaker.speaker.live import LiveSettings


class Requests:
    """Carries them out; used from the event loop only."""

    def __init__(self, live: LiveSettings, report: Callable[[ev.Report], None], listening: Listening) -> None:
        """``report`` takes the answers."""
        self._live = live
        self._report = report
        self._listening = listening

    def handle(self, request: ev.Request) -> None:
        """Do it, and answer."""
        match request:
            case ev.SettingRequested():
                self._report(self._set(request))
            case ev.WakeSensitivityRequested(sensitivity):
                self._listening.set_sensitivity(sensitivity)
            case ev.WakeWordRequested(option):
                self._listening.choose(option)

    def _set(self, request: ev.SettingRequested) -> ev.ReportAnswer:
        try:
            value = self._live.change(request.name, request.value)
        except BadCommand as error:
            return ev.ReportAnswer("set", error=str(error), transaction=request.transaction)
        data: ev.Json = {"name": request.name, "value": value}
        return ev.ReportAnswer("set", data, transaction=request.transaction)
