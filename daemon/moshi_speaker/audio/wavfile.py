"""Sound files: WAV and FLAC in, at whatever rate and channels they have; WAV out."""

import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from moshi_speaker.audio import flac
from moshi_speaker.audio.frames import SAMPLE_RATE, Samples
from moshi_speaker.audio.resample import convert, to_int16
from moshi_speaker.errors import AudioFileError

_REMEDY = "give a WAV (PCM or float) or FLAC file"
_EXTENSIBLE = 0xFFFE
"""Format code of a WAV whose real code (1 PCM, 3 float; RFC 2361) stands at offset 24."""


MAX_BYTES = 2 * 2**30
"""A larger file is refused: hours of sound do not fit into memory."""
RATES = range(4_000, 768_001)
"""Hertz; other rates are mistakes, and converting from 1 Hz would take gigabytes."""


class WavError(ValueError):
    """No WAV file, a broken one, or one in a format that is not supported."""


def read_audio(path: Path, rate: int = SAMPLE_RATE) -> Samples:
    """The whole file as mono sound at ``rate``, shape (n,). Raises AudioFileError."""
    data = _read(path)
    if not data:
        raise AudioFileError("the file is empty", where=str(path), remedy=_REMEDY)
    try:
        sound, file_rate = _decode(data)
    except (WavError, flac.FlacError) as error:
        raise AudioFileError(f"cannot be read as sound: {error}", where=str(path), remedy=_REMEDY) from error
    if not len(sound):
        raise AudioFileError("the file holds no sound", where=str(path), remedy=_REMEDY)
    if file_rate not in RATES:
        raise AudioFileError(
            f"a rate of {file_rate} Hz is not supported", where=str(path), remedy="convert it to 24000 Hz"
        )
    return convert(sound, file_rate, rate)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise AudioFileError("this is no file", where=str(path), remedy=_REMEDY)
        if path.stat().st_size > MAX_BYTES:
            raise AudioFileError("the file is too large", where=str(path), remedy="give it in parts")
        return path.read_bytes()
    except OSError as error:
        raise AudioFileError(error.strerror or "cannot be read", where=str(path)) from error


def write_wav(path: Path, samples: Samples, rate: int = SAMPLE_RATE) -> None:
    """Write mono sound, shape (n,), as 16-bit WAV. Raises AudioFileError."""
    with WavWriter(path, rate) as file:
        file.write(samples)


def require_writable(path: Path) -> None:
    """Create the file if it is not there, for who has much to do before writing. Raises AudioFileError."""
    with _writing(path):
        path.open("ab").close()


class WavWriter:
    """Writes mono sound to a 16-bit WAV file piece by piece; a context manager."""

    def __init__(self, path: Path, rate: int = SAMPLE_RATE) -> None:
        """Create or replace the file. Raises AudioFileError, as do the other methods."""
        self._path = path
        with _writing(path):
            self._file = path.open("wb")
        self._wave = wave.open(self._file, "wb")  # noqa: SIM115 (closed by close())
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate)

    def write(self, samples: Samples) -> None:
        """Append samples, shape (n,), in [-1, 1]; what is louder is clipped."""
        with _writing(self._path):
            self._wave.writeframes(to_int16(samples).astype("<i2").tobytes())

    def close(self) -> None:
        """Finish the file. May be called twice."""
        with _writing(self._path):
            try:
                self._wave.close()
            finally:
                self._file.close()

    def __enter__(self) -> "WavWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise AudioFileError(error.strerror or "cannot be written", where=str(path)) from error


def _decode(data: bytes) -> tuple[NDArray[np.float32], int]:
    if data[:4] == b"fLaC":
        return flac.decode(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _decode_wav(data)
    raise WavError("it is neither WAV nor FLAC")


def _decode_wav(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Samples, shape (n, channels), and the rate; the standard library's reader knows no float."""
    layout, body = _chunk(data, b"fmt "), _chunk(data, b"data")
    if len(layout) < 16:
        raise WavError("its header is broken")
    code, channels = int.from_bytes(layout[0:2], "little"), int.from_bytes(layout[2:4], "little")
    rate, bits = int.from_bytes(layout[4:8], "little"), int.from_bytes(layout[14:16], "little")
    if code == _EXTENSIBLE and len(layout) >= 26:
        code = int.from_bytes(layout[24:26], "little")
    if not channels or not rate or bits not in (8, 16, 24, 32, 64):
        raise WavError("its header is broken")
    whole = len(body) // (channels * bits // 8) * (channels * bits // 8)
    return _samples(body[:whole], code, bits).reshape(-1, channels), rate


def _chunk(data: bytes, name: bytes) -> bytes:
    """The first chunk of that name; a file cut short, or streamed without a length, gives what is there."""
    offset = 12
    while offset + 8 <= len(data):
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        if data[offset : offset + 4] == name:
            return data[offset + 8 : offset + 8 + length]
        offset += 8 + length + length % 2
    raise WavError(f"it has no {name.decode().strip()} part")


def _samples(body: bytes, code: int, bits: int) -> NDArray[np.float32]:
    match code, bits:
        case (1, 8):
            return ((np.frombuffer(body, np.uint8).astype(np.float32)) - 128.0) / 128.0
        case (1, 16):
            return np.frombuffer(body, "<i2").astype(np.float32) / 32768.0
        case (1, 24):
            wide = np.zeros((len(body) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
            return (wide.reshape(-1).view("<i4") / 2147483648.0).astype(np.float32)
        case (1, 32):
            return (np.frombuffer(body, "<i4") / 2147483648.0).astype(np.float32)
        case (3, 32 | 64):
            with np.errstate(over="ignore"):  # what overflows is refused as infinite
                sound = np.frombuffer(body, f"<f{bits // 8}").astype(np.float32)
            if not np.isfinite(sound).all():
                raise WavError("it holds values that are no numbers")
            return sound
        case _:
            raise WavError(f"its format (code {code}, {bits} bits) is not supported")
