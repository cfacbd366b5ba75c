"""Messages survive the pipe, and garbage does not pass for one."""

from typing import get_args

import numpy as np
import pytest

from moshi_speaker.engine.interface import EngineInfo, Memory, Timings
from moshi_speaker.engine.messages import (
    Answer,
    Begin,
    Close,
    Configure,
    End,
    Failed,
    Frame,
    Message,
    Ping,
    Pong,
    Ready,
    Status,
)
from moshi_speaker.engine.protocol import HEADER, MAX_PAYLOAD, Decoder, Kind, encode
from moshi_speaker.errors import ProtocolError
from moshi_speaker.settings import EngineSettings, ModelSettings

SOUND = np.linspace(-1, 1, 1_920, dtype=np.float32)

SAMPLES: list[Message] = [
    Configure(
        ModelSettings(source="kyutai/moshiko-mlx-q4", text_temperature=0.25, seed=7),
        EngineSettings(threads=3),
    ),
    Begin(3),
    Frame(3, 4_000_000_000, SOUND),
    End(3),
    Ping(17),
    Close(),
    Status("downloading … 12 %"),
    Ready(
        EngineInfo(
            "models/tiny", 1.5, 12.25, Memory(7 * 2**30, 8 * 2**30, 5), "OpenBLAS", replaces="models/big"
        )
    ),
    Answer(3, 9, SOUND, " höre", silent=False, timings=Timings(0.125, 61.3)),
    Answer(3, 0, None, "", silent=True, timings=Timings(0.0, 60.0)),
    Pong(17, Memory(1, 2, 3)),
    Failed("CheckpointError", "no weights", where="models/tiny", remedy="pull them"),
]


def plain(message: Message) -> tuple[object, ...]:
    """The fields of a message, comparable."""
    fields = (getattr(message, name) for name in message.__slots__)
    return type(message), *(field.tolist() if isinstance(field, np.ndarray) else field for field in fields)


def one(data: bytes) -> Message:
    (message,) = Decoder().feed(data)
    return message


def corrupt(kind: int, payload: bytes) -> bytes:
    return HEADER.pack(0xA7, kind, 0, 0, len(payload)) + payload


def test_every_message_has_a_sample_here() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(Message))


def test_every_kind_is_used() -> None:
    assert {encode(sample)[1] for sample in SAMPLES} == set(Kind)


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_was(message: Message) -> None:
    assert plain(one(encode(message))) == plain(message)


@pytest.mark.parametrize("size", [1, 13, 14, 15, 4_096, 1_000_000])
def test_pieces_of_any_size_make_the_same_messages(size: int) -> None:
    stream = b"".join(encode(sample) for sample in SAMPLES)
    decoder = Decoder()
    got = [m for at in range(0, len(stream), size) for m in decoder.feed(stream[at : at + size])]
    assert [plain(message) for message in got] == [plain(sample) for sample in SAMPLES]


def test_half_a_message_is_no_message() -> None:
    assert Decoder().feed(encode(SAMPLES[2])[:-1]) == []


def test_sound_keeps_its_values_exactly() -> None:
    message = one(encode(Frame(1, 2, SOUND)))
    assert isinstance(message, Frame)
    assert message.sound.dtype == np.float32
    assert np.array_equal(message.sound, SOUND)


def test_sound_of_another_layout_is_sent_right() -> None:
    message = one(encode(Frame(1, 2, np.repeat(SOUND, 2)[::2])))
    assert isinstance(message, Frame)
    assert np.array_equal(message.sound, SOUND)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"Traceback (most recent call last)", "begins with byte 0x54"),
        (corrupt(99, b""), "unknown kind of message: 99"),
        (HEADER.pack(0xA7, Kind.STATUS, 0, 0, MAX_PAYLOAD + 1), "announces 65537 bytes"),
        (corrupt(Kind.CLOSE, b"x"), "CLOSE with a broken payload: 1 bytes"),
        (corrupt(Kind.FRAME, b"\0" * 7_676), "FRAME with a broken payload: 7676 bytes"),
        (corrupt(Kind.STATUS, b"\xff\xfe"), "STATUS with a broken payload"),
        (corrupt(Kind.READY, b"{}"), "READY with a broken payload: model Field required"),
        (corrupt(Kind.FAILED, b"[1]"), "FAILED with a broken payload"),
        (corrupt(Kind.CONFIGURE, b'{"model":{"sorce":"x"},"engine":{}}'), "model.sorce"),
        (corrupt(Kind.ANSWER, b"\0\0"), "ANSWER with a broken payload"),
        (corrupt(Kind.ANSWER, b"\x04" + b"\0" * 20), "unknown flags 0x04"),
        (corrupt(Kind.ANSWER, b"\0" * 17 + b"\x09\0\0\0abc"), "do not add up"),
        (corrupt(Kind.ANSWER, b"\0" * 21 + b"\0" * 7_680), "do not add up"),
        (corrupt(Kind.ANSWER, b"\x02" + b"\0" * 20), "0 bytes of sound"),
    ],
)
def test_garbage_is_refused_with_what_is_wrong(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        Decoder().feed(data)


def test_a_stream_that_went_wrong_stays_unreadable() -> None:
    decoder = Decoder()
    for data in (b"garbage at the start", encode(Close())):
        with pytest.raises(ProtocolError):
            decoder.feed(data)


def test_a_payload_beyond_the_bound_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match="STATUS of 65537 bytes"):
        encode(Status("x" * (MAX_PAYLOAD + 1)))


def test_a_frame_of_another_size_is_not_sent() -> None:
    with pytest.raises(ProtocolError, match=r"shape \(960,\)"):
        encode(Frame(1, 0, np.zeros(960, np.float32)))
