"""``talk``: a file in, Moshi's voice and timed words out, with a small model of random weights."""

import re
import struct
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from moshi_speaker import offline
from moshi_speaker.audio.frames import FRAME_SAMPLES, SAMPLE_RATE, Samples
from moshi_speaker.audio.wavfile import read_audio, write_wav
from moshi_speaker.errors import AudioFileError, CheckpointError, UsageError
from moshi_speaker.settings import ModelSettings, Settings
from moshi_speaker.tracing import Tracer, written
from tests.traces import inside, read_trace, spans

QUESTION = Path(__file__).parent / "data" / "clips" / "hey_jarvis_question.wav"
TIMED = re.compile(r" *\d+\.\d s  \S.*")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """The first second and a half of a question, not a whole number of frames."""
    path = tmp_path / "clip.wav"
    write_wav(path, read_audio(QUESTION)[: 18 * FRAME_SAMPLES + 1000])
    return path


@pytest.fixture(autouse=True)
def _short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights may babble as long as they are allowed to."""
    monkeypatch.setattr(offline, "MAX_ANSWER_S", 3.0)


def talk(
    sound_in: Path, sound_out: Path, model: Path, seed: int = 7, tracer: Tracer | None = None
) -> list[str]:
    """What was said on the screen."""
    said: list[str] = []
    settings = Settings.model_validate({"model": {"source": "nobody/nothing", "seed": seed, "offline": True}})
    offline.talk(sound_in, sound_out, model=str(model), settings=settings, say=said.append, tracer=tracer)
    return said


def sound_of(path: Path) -> Samples:
    """Also checks that it is what everybody can play."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
    return read_audio(path)


def test_moshi_answers_a_file_with_a_voice_and_timed_words(
    clip: Path, tiny_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.wav"
    said = talk(clip, out, tiny_model)
    voice = sound_of(out)
    assert len(voice) % FRAME_SAMPLES == 0
    heard_s = len(read_audio(clip)) / SAMPLE_RATE
    assert heard_s + offline.QUIET_S <= len(voice) / SAMPLE_RATE + 0.08
    assert len(voice) / SAMPLE_RATE <= heard_s + 3.0 + 0.08
    assert np.abs(voice).max() > 0.01
    words = [line for line in said if TIMED.fullmatch(line)]
    assert words
    times = [float(line.split()[0]) for line in words]
    assert times == sorted(times)
    assert times[-1] <= len(voice) / SAMPLE_RATE
    assert said[-1] == f"Moshi's voice is in {out}"


def test_the_same_seed_gives_the_same_answer(clip: Path, tiny_model: Path, tmp_path: Path) -> None:
    outs = [tmp_path / f"{name}.wav" for name in ("one", "two", "other")]
    said = [talk(clip, out, tiny_model, seed)[:-1] for out, seed in zip(outs, (7, 7, 8), strict=True)]
    assert said[0] == said[1]
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[0].read_bytes() != outs[2].read_bytes()


def test_stereo_at_another_rate_is_accepted(tiny_model: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "stereo.wav", tmp_path / "out.wav"
    with wave.open(str(source), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44_100)
        file.writeframes(struct.pack("<hh", 1000, -500) * 44_100)
    talk(source, out, tiny_model)
    assert len(sound_of(out)) >= SAMPLE_RATE


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"Dear diary, today was a fine day.\n", "cannot be read as sound: it is neither WAV nor FLAC"),
        (b"", "the file is empty"),
        (None, "No such file or directory"),
    ],
)
def test_what_is_no_sound_is_told_in_one_line_before_the_model_loads(
    content: bytes | None, complaint: str, tmp_path: Path
) -> None:
    source, out = tmp_path / "in.wav", tmp_path / "out.wav"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(AudioFileError) as caught:
        talk(source, out, tmp_path / "no model")
    assert str(caught.value).startswith(f"{source}: {complaint}")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert not out.exists()


def test_an_output_that_cannot_be_written_is_told_before_the_model_loads(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "no such folder" / "out.wav"
    with pytest.raises(AudioFileError) as caught:
        talk(clip, out, tmp_path / "no model")
    assert str(caught.value) == f"{out}: No such file or directory; make the folder {out.parent} first"


def test_the_recording_is_never_overwritten(clip: Path, tmp_path: Path) -> None:
    before = clip.read_bytes()
    link = tmp_path / "link.wav"
    link.symlink_to(clip)
    for out in (clip, link):
        with pytest.raises(UsageError, match="the recording itself"):
            talk(clip, out, tmp_path / "no model")
    assert clip.read_bytes() == before


def test_a_model_that_is_not_there_leaves_no_empty_answer(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        talk(clip, tmp_path / "out.wav", tmp_path / "no model")
    assert not (tmp_path / "out.wav").exists()


def test_a_revision_in_the_settings_is_not_that_of_another_model(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ModelSettings] = []

    def load(settings: ModelSettings, status: object) -> None:
        seen.append(settings)
        raise CheckpointError("enough")

    monkeypatch.setattr("moshi_speaker.moshi.dialogue.load", load)
    settings = Settings.model_validate({"model": {"source": "a/a", "revision": "mine"}})
    for model in (None, "b/b"):
        with pytest.raises(CheckpointError):
            offline.talk(clip, tmp_path / "o.wav", model=model, settings=settings, say=lambda line: None)
    assert [(model.source, model.revision) for model in seen] == [("a/a", "mine"), ("b/b", None)]


def test_a_model_that_is_not_there_spares_what_was_written_before(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    out.write_bytes(b"an earlier answer")
    with pytest.raises(CheckpointError):
        talk(clip, out, tmp_path / "no model")
    assert out.read_bytes() == b"an earlier answer"


def test_a_full_disk_is_told_in_one_line(clip: Path, tiny_model: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(AudioFileError, match=r"^/dev/full: No space left on device$"):
        talk(clip, full, tiny_model)


def test_a_trace_shows_every_frame_and_its_parts(clip: Path, tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    with written(path, time.perf_counter) as tracer:
        talk(clip, tmp_path / "out.wav", tiny_model, tracer=tracer)
    events = read_trace(path)
    frames = spans(events, "frame")
    assert [frame["args"]["frame"] for frame in frames] == list(range(len(frames)))
    for part in ("encode", "lm step", "decode"):
        assert all(inside(*pair) for pair in zip(spans(events, part), frames, strict=True))
    assert len([event for event in events if event["name"] == "real-time factor"]) == len(frames)


def test_a_trace_changes_nothing_of_the_answer(clip: Path, tiny_model: Path, tmp_path: Path) -> None:
    plain, traced = tmp_path / "plain.wav", tmp_path / "traced.wav"
    talk(clip, plain, tiny_model)
    talk(clip, traced, tiny_model, tracer=Tracer(time.perf_counter))
    assert plain.read_bytes() == traced.read_bytes()
