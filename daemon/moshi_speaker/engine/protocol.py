"""Messages as bytes on a pipe, and back. Pure: reads and writes nothing.

A message is a header of 14 bytes, little endian (magic u8, kind u8, session u32, sequence u32, length u32),
and ``length`` bytes of payload. Sound is raw float32, everything else text in UTF-8 or JSON; nothing is
executed or unpickled.
"""

import struct
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

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
from moshi_speaker.errors import ProtocolError

FRAME_SAMPLES = 1_920
"""Samples in one frame at 24 kHz: 80 ms, one step of Moshi (moshi-spec §0)."""
MAX_PAYLOAD = 65_536
"""Bytes; eight times the largest message, the answer to a frame. More than this is garbage."""
HEADER = struct.Struct("<BBIII")
_MAGIC = 0xA7
_ANSWER = struct.Struct("<BddI")
"""Flags, queued_ms, compute_ms, length of the text in bytes; then come the text and the sound."""
_SILENT, _HAS_AUDIO = 1, 2
_SAMPLE = np.dtype("<f4")

_CONFIGURE = TypeAdapter(Configure)
_INFO = TypeAdapter(EngineInfo)
_MEMORY = TypeAdapter(Memory)
_FAILED = TypeAdapter(Failed)


class Kind(IntEnum):
    """The second byte of a header."""

    CONFIGURE = 1
    BEGIN = 2
    FRAME = 3
    END = 4
    PING = 5
    CLOSE = 6
    STATUS = 17
    READY = 18
    ANSWER = 19
    PONG = 20
    FAILED = 21


def encode(message: Message) -> bytes:
    """The bytes of one message. Raises ProtocolError when it is too long or a frame has not 1920 samples."""
    match message:
        case Configure():
            return _pack(Kind.CONFIGURE, payload=_CONFIGURE.dump_json(message))
        case Begin(session):
            return _pack(Kind.BEGIN, session)
        case Frame(session, sequence, sound):
            return _pack(Kind.FRAME, session, sequence, _sound_bytes(sound))
        case End(session):
            return _pack(Kind.END, session)
        case Ping(sequence):
            return _pack(Kind.PING, sequence=sequence)
        case Close():
            return _pack(Kind.CLOSE)
        case Status(text):
            return _pack(Kind.STATUS, payload=text.encode(errors="replace"))
        case Ready(info):
            return _pack(Kind.READY, payload=_INFO.dump_json(info))
        case Answer(session, sequence):
            return _pack(Kind.ANSWER, session, sequence, _answer_bytes(message))
        case Pong(sequence, memory):
            return _pack(Kind.PONG, sequence=sequence, payload=_MEMORY.dump_json(memory))
        case Failed():
            return _pack(Kind.FAILED, payload=_FAILED.dump_json(message))


class Decoder:
    """Cuts a stream of bytes, in pieces of any size, into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that ``data`` completes; holds back less than one message.

        Raises ProtocolError when the stream is not ours; it stays unreadable then.
        """
        self._buffer += data
        messages: list[Message] = []
        while len(self._buffer) >= HEADER.size:
            magic, kind, session, sequence, length = HEADER.unpack_from(self._buffer)
            if magic != _MAGIC:
                raise ProtocolError(f"a message begins with byte {magic:#04x} instead of {_MAGIC:#04x}")
            if length > MAX_PAYLOAD:
                raise ProtocolError(f"a message announces {length} bytes; {MAX_PAYLOAD} are allowed")
            end = HEADER.size + length
            if len(self._buffer) < end:
                break
            messages.append(_parse(kind, session, sequence, bytes(self._buffer[HEADER.size : end])))
            del self._buffer[:end]
        return messages


def _pack(kind: Kind, session: int = 0, sequence: int = 0, payload: bytes = b"") -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise ProtocolError(f"{kind.name} of {len(payload)} bytes; {MAX_PAYLOAD} are allowed")
    return HEADER.pack(_MAGIC, kind, session, sequence, len(payload)) + payload


def _parse(kind: int, session: int, sequence: int, payload: bytes) -> Message:
    try:
        known = Kind(kind)
    except ValueError:
        raise ProtocolError(f"unknown kind of message: {kind}") from None
    try:
        return _message(known, session, sequence, payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ProtocolError(f"{known.name} with a broken payload: {field} {first['msg']}") from None
    except (ValueError, struct.error) as error:
        raise ProtocolError(f"{known.name} with a broken payload: {error}") from None


def _message(kind: Kind, session: int, sequence: int, payload: bytes) -> Message:
    match kind:
        case Kind.CONFIGURE:
            return _CONFIGURE.validate_json(payload)
        case Kind.FRAME:
            return Frame(session, sequence, _sound(payload))
        case Kind.STATUS:
            return Status(payload.decode())
        case Kind.READY:
            return Ready(_INFO.validate_json(payload))
        case Kind.ANSWER:
            return _answer(session, sequence, payload)
        case Kind.PONG:
            return Pong(sequence, _MEMORY.validate_json(payload))
        case Kind.FAILED:
            return _FAILED.validate_json(payload)
        case _ if payload:
            raise ValueError(f"{len(payload)} bytes where none belong")
        case Kind.BEGIN:
            return Begin(session)
        case Kind.END:
            return End(session)
        case Kind.PING:
            return Ping(sequence)
        case Kind.CLOSE:
            return Close()


def _sound_bytes(sound: NDArray[np.float32]) -> bytes:
    if sound.shape != (FRAME_SAMPLES,):
        raise ProtocolError(f"a frame of shape {sound.shape} instead of ({FRAME_SAMPLES},)")
    return sound.astype(_SAMPLE, copy=False).tobytes()


def _sound(payload: bytes) -> NDArray[np.float32]:
    if len(payload) != FRAME_SAMPLES * _SAMPLE.itemsize:
        raise ValueError(f"{len(payload)} bytes of sound instead of {FRAME_SAMPLES * _SAMPLE.itemsize}")
    return np.frombuffer(payload, _SAMPLE).astype(np.float32, copy=False)


def _answer_bytes(answer: Answer) -> bytes:
    flags = _SILENT * answer.silent + _HAS_AUDIO * (answer.audio is not None)
    text = answer.text.encode(errors="replace")
    sound = b"" if answer.audio is None else _sound_bytes(answer.audio)
    return _ANSWER.pack(flags, answer.timings.queued_ms, answer.timings.compute_ms, len(text)) + text + sound


def _answer(session: int, sequence: int, payload: bytes) -> Answer:
    flags, queued_ms, compute_ms, length = _ANSWER.unpack_from(payload)
    if flags & ~(_SILENT | _HAS_AUDIO):
        raise ValueError(f"unknown flags {flags:#04x}")
    text, sound = payload[_ANSWER.size :][:length], payload[_ANSWER.size + length :]
    if len(text) < length or (sound and not flags & _HAS_AUDIO):
        raise ValueError("its lengths do not add up")
    return Answer(
        session,
        sequence,
        audio=_sound(sound) if flags & _HAS_AUDIO else None,
        text=text.decode(),
        silent=bool(flags & _SILENT),
        timings=Timings(queued_ms, compute_ms),
    )
