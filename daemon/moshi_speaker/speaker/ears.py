"""What the speaker hears: wake words and speech become events, frames go to Moshi during a talk.

The front end works on a thread of its own. Everything here but ``hear_chunk`` and the two hand-overs
runs in the event loop, so that the sound before a talk and the sound in it join without a gap.
Whether somebody speaks matters in a talk only, and at its begin: before, nobody looks.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import Transition, VoiceActivity
from moshi_speaker.audio.attention import AttentiveActivity
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.frames import FRAME_SECONDS, Capture, Samples
from moshi_speaker.audio.frontend import FrontEnd, HeardFrame
from moshi_speaker.audio.speech import UserSpeech
from moshi_speaker.events import Event, StopRequested, UserSpeechEnded, UserSpeechStarted, WakeDetected
from moshi_speaker.wake.detector import Detector

MEMORY_SECONDS = 4.0
"""Sound that is kept: the longest pre-roll, and the time from a detection to the start of the talk."""
WORD_SECONDS = 1.5
"""Sound up to a detection in which the wake word is, whose loudness is that of speech near the microphone."""

Emit = Callable[[Event], None]


class Ears:
    """The front end and what becomes of its frames."""

    def __init__(
        self,
        detector: Detector | None,
        activity: VoiceActivity,
        echo: EchoCanceller,
        speech: UserSpeech,
        *,
        stop_detector: Detector | None = None,
        hearing: bool = True,
        emit: Emit,
        feed: Callable[[Samples], None],
        failed: Callable[[BaseException], None],
        scored: Callable[[], None] = lambda: None,
    ) -> None:
        """``emit``, ``feed`` and ``failed`` are called in the event loop, which must be running.

        ``stop_detector`` listens in talks only. Without ``hearing`` it is deaf until ``set_hearing``.
        ``scored`` is called on the front end's thread after each chunk that the wake word's detector had a
        score for, or that went past if nobody listens for a word.
        """
        self._loop = asyncio.get_running_loop()
        self._detector = detector
        self._between_chunks = threading.Lock()
        """Held while the wake word's detector hears a chunk, and while another takes its place."""
        self._stopped = False
        self._activity = AttentiveActivity(activity)
        self._speech = speech
        self._stop_detector = stop_detector
        self._stop_word_is_fresh = False
        self._emit = emit
        self._feed = feed
        self._scored = scored
        self._recent: deque[HeardFrame] = deque(maxlen=round(MEMORY_SECONDS / FRAME_SECONDS))
        self._open = False
        self._hearing = hearing
        self._near: float | None = None
        """How loud the wake word was from which a talk begins just now."""
        self._interrupted = threading.Event()
        self._front_end = FrontEnd(
            self._hand_over,
            self._hear_chunk,
            lambda error: self._from_thread(failed, error),
            echo=echo,
            activity=self._activity,
        )
        self._front_end.set_hearing(hearing)

    @property
    def capture(self) -> Capture:
        """Where the device brings its blocks."""
        return self._front_end.capture

    @property
    def gaps(self) -> int:
        """How often captured time was missing."""
        return self._front_end.gaps

    @property
    def dropped_blocks(self) -> int:
        """Captured blocks lost because the front end was too slow."""
        return self._front_end.dropped_blocks

    @property
    def last_frame_at(self) -> float | None:
        """Capture time of the end of the latest frame, in seconds."""
        return self._front_end.last_frame_at

    def start(self) -> None:
        """Begin to hear."""
        self._front_end.start()

    def open(self, since: float) -> None:
        """A talk begins: Moshi gets the frames captured since then, and all that follow."""
        self._open = True
        self._speech.begin(self._near)
        self._activity.attending = True
        for frame in self._recent:
            if frame.at + FRAME_SECONDS > since:
                self._feed(frame.pcm)

    def close(self) -> None:
        """The talk is over."""
        self._open = False
        self._activity.attending = False

    def forget(self) -> None:
        """The microphone goes off: what was heard before will not join what comes after."""
        self._interrupted.set()
        self._recent.clear()
        self._speech.reset()

    def set_hearing(self, on: bool) -> None:
        """Hear, or be deaf: then nothing that a device still brings reaches any part, nor what waits."""
        self._hearing = on
        self._front_end.set_hearing(on)
        self.forget()

    def listen_with(self, detector: Detector | None) -> None:
        """Listen for other wake words from the next chunk on, or for none; the detector before is closed.

        From another thread than that of the event loop: it waits for the chunk that is heard just now.
        """
        with self._between_chunks:
            before, self._detector = self._detector, detector
            stopped = self._stopped
        if before is not None:
            before.close()
        if stopped and detector is not None:
            detector.close()

    def stop(self) -> None:
        """End the front end's thread, and wait for it. May be called twice."""
        self._front_end.stop()
        with self._between_chunks:
            self._stopped = True
        if self._detector is not None:
            self._detector.close()
        if self._stop_detector is not None:
            self._stop_detector.close()

    def _wake(self, woken: tuple[WakeDetected, Sequence[float]]) -> None:
        """Before the talk begins it must be known whether the user was speaking already."""
        detected, speech = woken
        if not self._hearing:
            self._activity.attending = False
            return
        self._near = self._loudness(detected.at)
        if not self._open:
            self._speech.begin(self._near)
        self._judge_past(speech, detected.at)
        self._emit(detected)
        self._near = None
        if not self._open:
            self._activity.attending = False

    def _judge_past(self, speech: Sequence[float], end: float) -> None:
        """Take probabilities of the latest frames, the last of which ends at ``end``, oldest first."""
        frames = [*self._recent, *list(self._recent)[-1:]]  # the newest is on its way, and about as loud
        number = min(len(speech), len(frames))
        for ago in reversed(range(number)):
            frame = frames[-1 - ago]
            self._judge(speech[-1 - ago], frame.level_dbfs, frame.echo_dbfs, end - ago * FRAME_SECONDS)

    def _loudness(self, end: float) -> float | None:
        """How loud the wake word was that ended then, in dBFS: its loudest frame."""
        levels = [frame.level_dbfs for frame in self._recent if frame.at >= end - WORD_SECONDS]
        return max(levels, default=None)

    def _judge(self, speech: float, level_dbfs: float, echo_dbfs: float, at: float) -> None:
        transition = self._speech.feed(speech, level_dbfs, echo_dbfs, at)
        if transition is not None:
            self._emit(UserSpeechStarted() if transition is Transition.STARTED else UserSpeechEnded())

    def _hear(self, frame: HeardFrame) -> None:
        if not self._hearing:
            return
        self._judge(frame.speech, frame.level_dbfs, frame.echo_dbfs, frame.at)
        self._recent.append(frame)
        if self._open:
            self._feed(frame.pcm)

    def _hand_over(self, frame: HeardFrame) -> None:
        self._from_thread(self._hear, frame)

    def _hear_chunk(self, chunk: NDArray[np.int16], at_end: float, guarded: bool) -> None:
        self._listen_for_stop(chunk, at_end, guarded)
        with self._between_chunks:
            self._listen_for_word(chunk, at_end, guarded)

    def _listen_for_word(self, chunk: NDArray[np.int16], at_end: float, guarded: bool) -> None:
        if self._detector is None:
            self._scored()
            return
        if self._interrupted.is_set():
            self._interrupted.clear()
            self._detector.reset()
        self._detector.guarded = guarded
        detection = self._detector.hear(chunk, at_end)
        if self._detector.statistics.last_scored_at == at_end:  # a model that is broken gives no numbers
            self._scored()
        if detection is not None:
            event = WakeDetected(detection.wake_word, detection.score, detection.at)
            self._from_thread(self._wake, (event, self._activity.catch_up()))

    def _listen_for_stop(self, chunk: NDArray[np.int16], at_end: float, guarded: bool) -> None:
        """In a talk only; what it heard in an earlier one is forgotten."""
        if self._stop_detector is None:
            return
        if not self._open:
            self._stop_word_is_fresh = False
            return
        if not self._stop_word_is_fresh:
            self._stop_word_is_fresh = True
            self._stop_detector.reset()
        self._stop_detector.guarded = guarded
        if self._stop_detector.hear(chunk, at_end) is not None:
            self._from_thread(self._stop, at_end)

    def _stop(self, at: float) -> None:
        if self._hearing:
            self._emit(StopRequested())

    def _from_thread(self, function: Callable[[Any], None], argument: object) -> None:
        self._loop.call_soon_threadsafe(function, argument)
