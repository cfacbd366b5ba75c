"""What the speaker hears: wake words and speech become events, frames go to Moshi during a talk.

The front end works on a thread of its own. Everything here but ``hear_chunk`` and the two hand-overs
runs in the event loop, so that the sound before a talk and the sound in it join without a gap.
Whether somebody speaks matters in a talk only, and at its begin: before, nobody looks.
"""

import asyncio
import math
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio.activity import SpeechGate, Transition, VoiceActivity
from moshi_speaker.audio.attention import AttentiveActivity
from moshi_speaker.audio.echo import EchoCanceller
from moshi_speaker.audio.frames import FRAME_SECONDS, Capture, Samples
from moshi_speaker.audio.frontend import FrontEnd, HeardFrame
from moshi_speaker.events import Event, UserSpeechEnded, UserSpeechStarted, WakeDetected
from moshi_speaker.wake.detector import Detector

SPARE_SECONDS = 1.0
"""Sound kept beyond the pre-roll, for the time from a detection to the start of the talk."""

Emit = Callable[[Event], None]


class Ears:
    """The front end and what becomes of its frames."""

    def __init__(
        self,
        detector: Detector | None,
        activity: VoiceActivity,
        echo: EchoCanceller,
        gate: SpeechGate,
        *,
        preroll_s: float,
        emit: Emit,
        feed: Callable[[Samples], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        """``emit``, ``feed`` and ``failed`` are called in the event loop, which must be running."""
        self._loop = asyncio.get_running_loop()
        self._detector = detector
        self._activity = AttentiveActivity(activity)
        self._gate = gate
        self._emit = emit
        self._feed = feed
        self._recent: deque[HeardFrame] = deque(maxlen=math.ceil((preroll_s + SPARE_SECONDS) / FRAME_SECONDS))
        self._open = False
        self._interrupted = threading.Event()
        self._front_end = FrontEnd(
            self._hand_over,
            self._hear_chunk,
            lambda error: self._from_thread(failed, error),
            echo=echo,
            activity=self._activity,
        )

    @property
    def capture(self) -> Capture:
        """Where the device brings its blocks."""
        return self._front_end.capture

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
        self._gate.reset()

    def stop(self) -> None:
        """End the front end's thread, and wait for it. May be called twice."""
        self._front_end.stop()
        if self._detector is not None:
            self._detector.close()

    def _wake(self, woken: tuple[WakeDetected, Sequence[float]]) -> None:
        """Before the talk begins it must be known whether the user was speaking already."""
        detected, speech = woken
        for number, probability in enumerate(speech, 1):
            self._judge(probability, detected.at + (number - len(speech)) * FRAME_SECONDS)
        self._emit(detected)
        if not self._open:
            self._activity.attending = False

    def _judge(self, speech: float, at: float) -> None:
        transition = self._gate.feed(speech, at)
        if transition is not None:
            self._emit(UserSpeechStarted() if transition is Transition.STARTED else UserSpeechEnded())

    def _hear(self, frame: HeardFrame) -> None:
        self._judge(frame.speech, frame.at)
        self._recent.append(frame)
        if self._open:
            self._feed(frame.pcm)

    def _hand_over(self, frame: HeardFrame) -> None:
        self._from_thread(self._hear, frame)

    def _hear_chunk(self, chunk: NDArray[np.int16], at_end: float) -> None:
        if self._detector is None:
            return
        if self._interrupted.is_set():
            self._interrupted.clear()
            self._detector.reset()
        detection = self._detector.hear(chunk, at_end)
        if detection is not None:
            event = WakeDetected(detection.wake_word, detection.score, detection.at)
            self._from_thread(self._wake, (event, self._activity.catch_up()))

    def _from_thread(self, function: Callable[[Any], None], argument: object) -> None:
        self._loop.call_soon_threadsafe(function, argument)
