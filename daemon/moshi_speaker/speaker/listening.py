"""Which wake words are listened for, and how another choice takes effect while the speaker runs.

A detector loads on a thread of its own, and takes its place between two chunks of sound: neither the event
loop nor the front end waits for it, and a talk goes on.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from moshi_speaker import events as ev
from moshi_speaker.errors import SpeakerError
from moshi_speaker.home.telling import Teller
from moshi_speaker.settings import Settings, WakeSettings, WakeWord
from moshi_speaker.speaker import bounds
from moshi_speaker.speaker.ears import Ears
from moshi_speaker.speaker.executor import DaemonExecutor
from moshi_speaker.speaker.keeping import Keeping
from moshi_speaker.speaker.live import SHOWN_CHARACTERS, LiveSettings
from moshi_speaker.speaker.memory import Memory
from moshi_speaker.speaker.tasks import Tasks
from moshi_speaker.wake.auto import bundled_words, open_detector
from moshi_speaker.wake.choice import choices, chosen, present
from moshi_speaker.wake.detector import Detector
from moshi_speaker.wake.policy import WakePolicy
from moshi_speaker.wake.statistics import WakeStatistics, together

REST_S = 1.0
"""Seconds from the end of one change to the begin of the next: to load wake words without a pause, as
somebody may wish, would take time from the sound."""

MakeDetector = Callable[[WakeSettings], Detector | None]
"""Loads what these settings listen for, on another thread. Raises SpeakerError."""

log = logging.getLogger(__name__)


def remembered(configured: WakeSettings, memory: Memory) -> WakeSettings:
    """What somebody chose in an earlier life: wake words, and their threshold."""
    wake = configured.model_copy(update={"threshold": memory.wake_threshold(configured.threshold)})
    name = memory.wake_word(present(configured))
    if name == present(configured):
        return wake
    words = choices(configured, bundled_words(configured)).get(name)
    if words is None:
        log.warning("the wake word %s is not there any more: listening for %s", name, present(configured))
        return wake
    return chosen(wake, words)


def first_detector(configured: WakeSettings, memory: Memory, make: MakeDetector) -> Detector | None:
    """The detector of what was chosen last, or else of what is configured. Raises SpeakerError."""
    wake = remembered(configured, memory)
    if present(wake) == present(configured):
        return make(wake)
    try:
        return make(wake)
    except SpeakerError as error:
        log.warning("%s; listening for %s in place of %s", error, present(configured), present(wake))
        memory.keep_wake_word(present(configured), present(configured))
        return make(remembered(configured, memory))


class Listening:
    """Owns the choice; used from the event loop only."""

    changed: Callable[[], None] = staticmethod(lambda: None)
    """Called when something else is listened for."""

    def __init__(
        self,
        configured: WakeSettings,
        words: tuple[WakeWord, ...],
        detector: Detector | None,
        ears: Ears,
        live: LiveSettings,
        *,
        make: MakeDetector,
        options: Mapping[str, tuple[WakeWord, ...]],
        memory: Memory,
        keeping: Keeping,
        tasks: Tasks,
        report: Callable[[ev.Report], None],
        clock: Callable[[], float],
    ) -> None:
        """``configured`` is what the file says. ``words``, maybe none, are those of the ears' ``detector``.

        ``options`` are the words behind each name that may be chosen.
        """
        self._configured = configured
        self._words = words
        self._detector = detector
        self._ears = ears
        self._live = live
        self._make = make
        self._options = options
        self._memory = memory
        self._keeping = keeping
        self._tasks = tasks
        self._report = report
        self._clock = clock
        self._rested_at = float("-inf")
        self._teller = Teller(lambda line: log.warning("%s", line), clock)
        self._executor = DaemonExecutor("wake-word-loader")
        self._wanted = self.present
        self._changing = self._stopped = False
        self._before = WakeStatistics.of(())
        """Of all detectors but the present one."""
        self._sensitivity = bounds.sensitivity(live.settings.wake)

    @property
    def wake(self) -> WakeSettings:
        """The settings with what is listened for now."""
        return chosen(self._live.settings.wake, self._words)

    @property
    def present(self) -> str:
        """The name of what is listened for now."""
        return present(self.wake)

    @property
    def figures(self) -> ev.WakeFigures | None:
        """How the wake words fare, since the start whatever was chosen; None if nobody listens."""
        if self._detector is None:
            return None
        words = together(self._before, self._detector.statistics)
        return ev.WakeFigures(words.detections, words.near_misses, words.histogram, words.last_score)

    def tell(self) -> None:
        """Tell the house what is listened for, and how sensitively."""
        self._report(ev.ReportWakeSensitivity(self._sensitivity))
        self._report(ev.ReportWakeWord(self.present))

    def renew(self, settings: Settings) -> None:
        """Other thresholds hold from the next chunk on.

        Back at what the file says, as after reading it again, nothing else is remembered any more.
        """
        configured = self._configured.threshold
        if settings.wake.threshold == configured != self._memory.wake_threshold(configured):
            self._memory.keep_wake_threshold(configured, configured)
            self._keeping.soon()
        if self._detector is not None:
            self._detector.policy = WakePolicy.from_settings(self.wake)
        before, self._sensitivity = self._sensitivity, bounds.sensitivity(settings.wake)
        if before != self._sensitivity:
            self._report(ev.ReportWakeSensitivity(self._sensitivity))

    def set_sensitivity(self, sensitivity: float) -> None:
        """Be so sensitive, 0 to 0.99, and remember it."""
        before = self._sensitivity
        threshold = bounds.threshold(sensitivity)
        self._live.change("wake.threshold", threshold)
        self._memory.keep_wake_threshold(threshold, self._configured.threshold)
        self._keeping.soon()
        if before == self._sensitivity:  # nothing has changed, but whoever asked wants to see that
            self._report(ev.ReportWakeSensitivity(self._sensitivity))

    def choose(self, name: str) -> None:
        """Listen for what has this name as soon as it is loaded, and remember it. The newest wish counts."""
        if name not in self._options:
            offered = ", ".join(self._options)
            line = f"no wake word {name[:SHOWN_CHARACTERS]!r}; there are {offered}"
            self._teller.tell_some("wishes like that", line)
            self._report(ev.ReportWakeWord(self.present))
            return
        self._wanted = name
        if not self._changing and not self._stopped:
            self._changing = True
            self._tasks.spawn(self._change(), "another wake word")

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopped = True
        self._executor.shutdown(wait=False)

    async def _change(self) -> None:
        try:
            while True:
                if self._wanted != self.present:
                    await asyncio.sleep(self._rested_at - self._clock())
                name = self._wanted
                if name != self.present:
                    await self._change_to(name)
                    self._rested_at = self._clock() + REST_S
                if self._wanted == name:
                    break
        finally:
            self._changing = False
        self._report(ev.ReportWakeWord(self.present))

    async def _change_to(self, name: str) -> None:
        words = self._options[name]
        wake = chosen(self._live.settings.wake, words)
        loop = asyncio.get_running_loop()
        try:
            detector = await loop.run_in_executor(self._executor, self._exchange, wake)
        except (SpeakerError, OSError) as error:
            self._teller.tell_some("failures", f"{error}; still listening for {self.present}")
            return
        if self._detector is not None:
            self._before = together(self._before, self._detector.statistics)
        self._detector, self._words = detector, words
        self.renew(self._live.settings)  # the threshold may be another one since
        self._memory.keep_wake_word(name, present(self._configured))
        self._keeping.soon()
        self.changed()

    def _exchange(self, wake: WakeSettings) -> Detector | None:
        """On the loader's thread."""
        detector = self._make(wake)
        self._ears.listen_with(detector)
        return detector


def maker(folder: Path) -> MakeDetector:
    """Makes the real ones; ``folder`` is that of the speaker's state."""
    return lambda wake: open_detector(wake, folder)
