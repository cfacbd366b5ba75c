import threading
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from moshi_speaker.audio.activity import SileroActivity
from moshi_speaker.audio.echo import Cleaned, EchoCanceller, NoEchoCanceller
from moshi_speaker.audio.fifo import Block
from moshi_speaker.audio.frames import (
    BLOCK_SAMPLES,
    FRAME_SAMPLES,
    FRAME_SECONDS,
    SAMPLE_RATE,
    WAKE_CHUNK_SAMPLES,
    WAKE_RATE,
    Samples,
)
from moshi_speaker.audio.frontend import MAX_WAITING_BLOCKS, FrontEnd, HeardFrame
from moshi_speaker.audio.room import RoomDevice

Tone = Callable[..., Samples]
WAIT_S = 10.0


class QuietActivity:
    """Finds speech where it is loud, and counts how often it was reset."""

    def __init__(self) -> None:
        self.resets = 0

    def feed(self, samples: Samples) -> float:
        return float(np.abs(samples).max(initial=0.0))

    def reset(self) -> None:
        self.resets += 1


class Halving:
    """An echo canceller that leaves half of everything, and remembers when."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def clean(self, near: Samples, at: float) -> Cleaned:
        assert near.shape == (FRAME_SAMPLES,)
        self.times.append(at)
        return Cleaned(np.float32(0.5) * near, echo_dbfs=-50.0)


class Sinks:
    """A front end and what came out of it."""

    def __init__(self, echo: EchoCanceller | None = None) -> None:
        self.frames: list[HeardFrame] = []
        self.chunks: list[tuple[NDArray[np.int16], float]] = []
        self.failures: list[BaseException] = []
        self.failed = threading.Event()
        self.activity = QuietActivity()
        self.front_end = FrontEnd(
            self.frames.append,
            lambda chunk, at_end, guarded: self.chunks.append((chunk, at_end)),
            self._failed,
            echo=echo or NoEchoCanceller(),
            activity=self.activity,
        )

    def _failed(self, error: BaseException) -> None:
        self.failures.append(error)
        self.failed.set()

    def hear(self, sound: Samples, at: float, block: int = BLOCK_SAMPLES) -> None:
        for start in range(0, len(sound), block):
            self.front_end.capture(sound[start : start + block], at + start / SAMPLE_RATE)
            assert self.front_end.wait_idle(WAIT_S)

    def pcm(self) -> Samples:
        return np.concatenate([frame.pcm for frame in self.frames])


@pytest.mark.parametrize("block", [BLOCK_SAMPLES, 441, 2_000, 97])
def test_frames_hold_every_sample_in_order_with_its_time(tone: Tone, block: int) -> None:
    sinks = Sinks()
    sinks.front_end.start()
    sound = tone(440, 1.0)
    sinks.hear(sound, 100.0, block)
    sinks.front_end.stop()
    assert len(sinks.frames) == len(sound) // FRAME_SAMPLES
    assert np.array_equal(sinks.pcm(), sound[: 12 * FRAME_SAMPLES])
    assert [frame.at for frame in sinks.frames] == pytest.approx([100 + i * FRAME_SECONDS for i in range(12)])
    assert sinks.frames[5].speech == pytest.approx(0.5, abs=0.01)
    assert sinks.front_end.last_frame_at == pytest.approx(100 + 12 * FRAME_SECONDS)
    assert sinks.front_end.gaps == 0


def test_wake_chunks_are_16_khz_integers_with_the_time_of_their_end() -> None:
    sinks = Sinks()
    sinks.front_end.start()
    sound = np.zeros(2 * SAMPLE_RATE, np.float32)
    sound[12_345] = 0.9
    sinks.hear(sound, 100.0)
    sinks.front_end.stop()
    assert len(sinks.chunks) in (24, 25)
    assert all(chunk.dtype == np.int16 and len(chunk) == WAKE_CHUNK_SAMPLES for chunk, _ in sinks.chunks)
    resampled = np.concatenate([chunk for chunk, _ in sinks.chunks]).astype(np.int64)
    peak = int(np.argmax(np.abs(resampled)))
    chunk, place = divmod(peak, WAKE_CHUNK_SAMPLES)
    at = sinks.chunks[chunk][1] - (WAKE_CHUNK_SAMPLES - place) / WAKE_RATE
    assert at == pytest.approx(100 + 12_345 / SAMPLE_RATE, abs=1e-3)


def test_the_chunk_of_a_frame_is_heard_with_it_and_not_with_the_next(tone: Tone) -> None:
    sinks = Sinks()
    sinks.front_end.start()
    for frames in (1, 2):
        sinks.hear(tone(440, FRAME_SECONDS), 100.0 + (frames - 1) * FRAME_SECONDS)
        assert (len(sinks.chunks), len(sinks.frames)) == (frames, frames)
        assert sinks.chunks[-1][1] == pytest.approx(100.0 + frames * FRAME_SECONDS, abs=2e-3)
    sinks.front_end.stop()


def test_the_echo_canceller_cleans_what_everybody_hears(tone: Tone) -> None:
    echo = Halving()
    sinks = Sinks(echo)
    near = tone(1000, 0.16, 0.5)
    sinks.front_end.start()
    sinks.hear(near, 100.0)
    sinks.front_end.stop()
    assert np.array_equal(sinks.pcm(), near / 2)
    assert echo.times == pytest.approx([100.0, 100.08])
    assert [frame.echo_dbfs for frame in sinks.frames] == [-50.0, -50.0]
    assert [frame.level_dbfs for frame in sinks.frames] == pytest.approx([-15.05, -15.05], abs=0.01)
    assert np.abs(sinks.chunks[1][0]).max() == pytest.approx(0.25 * 32768, rel=0.02)


def test_the_thread_sleeps_until_a_frame_is_whole(tone: Tone) -> None:
    sinks = Sinks()
    taken: list[int] = []
    take = sinks.front_end._blocks.take

    def counted(samples: int = 1) -> Block | None:
        block = take(samples)
        taken.append(samples)
        return block

    sinks.front_end._blocks.take = counted  # type: ignore[method-assign]
    sinks.front_end.start()
    sinks.hear(tone(440, 0.06), 100.0)
    assert taken == []
    assert len(sinks.front_end._blocks) == 3
    sinks.hear(tone(440, 0.02), 100.06)
    sinks.front_end.stop()
    assert len(sinks.frames) == 1
    assert taken == [FRAME_SAMPLES - n * BLOCK_SAMPLES for n in range(4)] + [FRAME_SAMPLES]


def test_a_gap_begins_a_new_stream(tone: Tone) -> None:
    sinks = Sinks()
    sinks.front_end.start()
    first, second = tone(440, 0.1), tone(700, 0.16)
    sinks.hear(first, 100.0)
    resets = sinks.activity.resets
    sinks.hear(second, 101.0)
    sinks.front_end.stop()
    assert sinks.front_end.gaps == 1
    assert sinks.activity.resets == resets + 1
    assert [frame.at for frame in sinks.frames] == pytest.approx([100.0, 101.0, 101.08])
    assert np.array_equal(sinks.pcm(), np.concatenate([first[:FRAME_SAMPLES], second]))


def test_samples_that_are_no_numbers_are_silence(tone: Tone) -> None:
    sinks = Sinks()
    sound = tone(440, 0.16)
    broken = sound.copy()
    broken[BLOCK_SAMPLES + 3] = np.nan
    sinks.front_end.start()
    sinks.hear(broken, at=1.0)
    sinks.front_end.stop()
    expected = sound.copy()
    expected[BLOCK_SAMPLES + 3] = 0.0
    assert np.array_equal(sinks.pcm(), expected)


def test_a_little_jitter_is_no_gap(tone: Tone) -> None:
    sinks = Sinks()
    sinks.front_end.start()
    sinks.hear(tone(440, 0.04), 100.0)
    sinks.hear(tone(440, 0.06), 100.06)
    sinks.hear(tone(440, 0.06), 100.08)
    sinks.front_end.stop()
    assert sinks.front_end.gaps == 0
    assert len(sinks.frames) == 2


def test_blocks_that_nobody_takes_are_bounded_and_counted() -> None:
    sinks = Sinks()
    for number in range(MAX_WAITING_BLOCKS + 7):
        sinks.front_end.capture(np.zeros(BLOCK_SAMPLES, np.float32), number * 0.02)
    assert sinks.front_end.dropped_blocks == 7
    sinks.front_end.start()
    assert sinks.front_end.wait_idle(WAIT_S)
    assert sinks.frames[0].at == pytest.approx(0.14)
    sinks.front_end.stop()


def test_a_broken_sink_is_told_and_ends_the_thread() -> None:
    sinks = Sinks()

    def broken(frame: HeardFrame) -> None:
        raise RuntimeError("sink broke")

    front_end = FrontEnd(
        broken,
        lambda chunk, at, guarded: None,
        sinks._failed,
        echo=NoEchoCanceller(),
        activity=QuietActivity(),
    )
    front_end.start()
    front_end.capture(np.zeros(FRAME_SAMPLES, np.float32), 0.0)
    assert sinks.failed.wait(WAIT_S)
    assert str(sinks.failures[0]) == "sink broke"
    assert front_end.wait_idle(WAIT_S)
    front_end.capture(np.zeros(FRAME_SAMPLES, np.float32), 1.0)
    front_end.stop()
    assert len(sinks.failures) == 1


def test_stopping_joins_the_thread_and_reports_no_failure() -> None:
    before = threading.active_count()
    sinks = Sinks()
    sinks.front_end.start()
    sinks.front_end.stop()
    sinks.front_end.stop()
    assert threading.active_count() == before
    assert not sinks.failures
    assert sinks.front_end.last_frame_at is None


def test_a_room_without_real_time_is_heard_whole_and_speech_is_found(speech: Samples) -> None:
    sinks = Sinks()
    front_end = FrontEnd(
        sinks.frames.append,
        lambda chunk, at, guarded: None,
        sinks._failed,
        echo=NoEchoCanceller(),
        activity=SileroActivity(),
    )
    over = threading.Event()
    room = RoomDevice([(1.0, speech)], clock=lambda: 10.0, settle=front_end.wait_idle, ended=over.set)
    front_end.start()
    room.start(front_end.capture, lambda n, at: np.zeros(n, np.float32), lambda message: None)
    assert over.wait(30)
    room.stop()
    front_end.stop()
    assert front_end.dropped_blocks == 0
    assert np.array_equal(sinks.pcm(), room.captured[: len(sinks.frames) * FRAME_SAMPLES])
    spoken = [frame.at for frame in sinks.frames if frame.speech > 0.5]
    assert 10.9 < spoken[0] < 11.5
    assert max(frame.speech for frame in sinks.frames[:11]) < 0.5
