"""Decodes FLAC (RFC 9639), a whole file at once: meant for clips, a few times faster than real time."""

import hashlib
from dataclasses import dataclass
from operator import mul

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_FIXED: tuple[tuple[int, ...], ...] = ((), (1,), (2, -1), (3, -3, 1), (4, -6, 4, -1))
"""Coefficients of the fixed predictors, newest sample first (RFC 9639, 9.2.5)."""
_BLOCK_SIZES = {
    1: 192,
    **{c: 576 << (c - 2) for c in range(2, 6)},
    **{c: 256 << (c - 8) for c in range(8, 16)},
}
_SAMPLE_SIZES = {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}
_SYNC = 0b11111111111110


class FlacError(ValueError):
    """No FLAC file, a broken one, or one whose MD5 does not fit."""


@dataclass(frozen=True, slots=True)
class _StreamInfo:
    rate: int
    channels: int
    bits: int
    samples: int
    md5: bytes


class _Bits:
    """Reads big-endian numbers from an array of bits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def unsigned(self, width: int) -> int:
        end = self.at + width
        if end > 8 * len(self._data):
            raise FlacError("the file ends within a frame")
        window = int.from_bytes(self._data[self.at // 8 : -(-end // 8)], "big")
        self.at = end
        return (window >> (-end % 8)) & ((1 << width) - 1)

    def signed(self, width: int) -> int:
        value = self.unsigned(width)
        return value - (1 << width) if width and value >> (width - 1) else value

    def unary(self) -> int:
        start = self.at
        while not self.unsigned(1):
            pass
        return self.at - start - 1

    def align(self) -> None:
        self.at = -(-self.at // 8) * 8

    def rice(self, count: int, parameter: int) -> Ints:
        """Count Rice-coded residuals: quotient in unary, then ``parameter`` bits, then the sign folded in."""
        first_byte = self.at // 8
        reach = 64 + count * (parameter + 6) // 8
        while True:
            window = np.frombuffer(self._data[first_byte : first_byte + reach], np.uint8)
            bits = np.unpackbits(window)
            stops = _stops(bits, self.at - 8 * first_byte, count, parameter)
            if len(stops) == count:
                break
            if first_byte + reach >= len(self._data):
                raise FlacError("the file ends within a frame")
            reach *= 2
        ends = np.asarray(stops, np.int64)
        starts = np.concatenate(([self.at - 8 * first_byte], ends[:-1] + 1 + parameter))
        folded = ends - starts
        for bit in range(1, parameter + 1):
            folded = folded * 2 + bits[ends + bit]
        self.at = 8 * first_byte + int(ends[-1]) + 1 + parameter if count else self.at
        return (folded >> 1) ^ -(folded & 1)


def _stops(bits: NDArray[np.uint8], at: int, count: int, parameter: int) -> list[int]:
    """Where the unary parts end, as far as the window reaches."""
    ones = np.flatnonzero(bits)
    following = np.full(len(bits) + 1, -1, np.int64)
    if len(ones):
        upto = int(ones[-1])
        following[: upto + 1] = ones[np.searchsorted(ones, np.arange(upto + 1))]
    next_one = following.tolist()
    stops: list[int] = []
    last = len(bits) - 1 - parameter
    for _ in range(count):
        stop = next_one[at] if at <= last else -1
        if stop < 0 or stop > last:
            break
        stops.append(stop)
        at = stop + 1 + parameter
    return stops


def decode(data: bytes) -> tuple[NDArray[np.float32], int]:
    """Samples in [-1, 1], shape (n, channels), and the rate in hertz. Raises FlacError."""
    info, offset = _metadata(data)
    bits = _Bits(data)
    bits.at = 8 * offset
    blocks: list[Ints] = []
    while bits.at + 16 < 8 * len(data) and data[bits.at // 8 : bits.at // 8 + 1] == b"\xff":
        blocks.append(_frame(bits, info))
    if not blocks:
        raise FlacError("it holds no sound")
    samples = np.concatenate(blocks)
    if info.md5 != bytes(16) and _md5(samples, info.bits) != info.md5:
        raise FlacError("its sound does not fit its MD5 sum")
    return (samples / float(1 << (info.bits - 1))).astype(np.float32), info.rate


def _metadata(data: bytes) -> tuple[_StreamInfo, int]:
    if data[:4] != b"fLaC":
        raise FlacError("it is no FLAC file")
    offset, info = 4, None
    while offset + 4 <= len(data):
        kind, length = data[offset], int.from_bytes(data[offset + 1 : offset + 4], "big")
        body = data[offset + 4 : offset + 4 + length]
        if kind & 0x7F == 0 and len(body) == 34:
            word = int.from_bytes(body[10:18], "big")
            fields = word >> 44, ((word >> 41) & 7) + 1, ((word >> 36) & 31) + 1, word & ((1 << 36) - 1)
            info = _StreamInfo(*fields, md5=body[18:34])
        offset += 4 + length
        if kind & 0x80:
            break
    if info is None or not info.rate:
        raise FlacError("its header is broken")
    return info, offset


def _frame(bits: _Bits, info: _StreamInfo) -> Ints:
    if bits.unsigned(14) != _SYNC:
        raise FlacError("a frame does not begin where it should")
    bits.unsigned(2)
    size_code, rate_code = bits.unsigned(4), bits.unsigned(4)
    layout, depth_code = bits.unsigned(4), bits.unsigned(3)
    bits.unsigned(1)
    first = bits.unsigned(8)
    bits.unsigned(8 * max(0, 8 - (first ^ 0xFF).bit_length() - 1))
    size = (
        bits.unsigned(8 if size_code == 6 else 16) + 1 if size_code in (6, 7) else _BLOCK_SIZES.get(size_code)
    )
    bits.unsigned({12: 8, 13: 16, 14: 16}.get(rate_code, 0))
    depth = _SAMPLE_SIZES.get(depth_code, info.bits)
    bits.unsigned(8)
    if size is None or depth != info.bits or layout > 10:
        raise FlacError("a frame has a layout that is not supported")
    channels = 2 if layout > 7 else layout + 1
    if channels != info.channels:
        raise FlacError("a frame has a layout that is not supported")
    side = {8: 1, 9: 0, 10: 1}.get(layout)
    parts = [_subframe(bits, size, depth + (channel == side)) for channel in range(channels)]
    bits.align()
    bits.unsigned(16)
    return np.stack(_undo_side(parts, layout), axis=1)


def _undo_side(parts: list[Ints], layout: int) -> list[Ints]:
    """Left and right from left/side, side/right or mid/side (RFC 9639, 4.2)."""
    match layout:
        case 8:
            return [parts[0], parts[0] - parts[1]]
        case 9:
            return [parts[0] + parts[1], parts[1]]
        case 10:
            middle = parts[0] * 2 + (parts[1] & 1)
            return [(middle + parts[1]) >> 1, (middle - parts[1]) >> 1]
        case _:
            return parts


def _subframe(bits: _Bits, size: int, depth: int) -> Ints:
    bits.unsigned(1)
    kind = bits.unsigned(6)
    wasted = bits.unary() + 1 if bits.unsigned(1) else 0
    depth -= wasted
    if depth < 1:
        raise FlacError("a frame is broken")
    if kind == 0:
        samples = np.full(size, bits.signed(depth), np.int64)
    elif kind == 1:
        samples = np.asarray([bits.signed(depth) for _ in range(size)], np.int64)
    elif 8 <= kind <= 12:
        warm_up = [bits.signed(depth) for _ in range(kind - 8)]
        samples = _predict(warm_up, _FIXED[kind - 8], 0, _residual(bits, size, kind - 8))
    elif kind >= 32:
        order = kind - 31
        warm_up = [bits.signed(depth) for _ in range(order)]
        precision, shift = bits.unsigned(4) + 1, bits.signed(5)
        coefficients = tuple(bits.signed(precision) for _ in range(order))
        samples = _predict(warm_up, coefficients, max(0, shift), _residual(bits, size, order))
    else:
        raise FlacError("a frame has a layout that is not supported")
    return samples << wasted


def _residual(bits: _Bits, size: int, order: int) -> Ints:
    width = 5 if bits.unsigned(2) else 4
    partitions = 1 << bits.unsigned(4)
    if size % partitions or size // partitions < order:
        raise FlacError("a frame is broken")
    parts: list[Ints] = []
    for index in range(partitions):
        count = size // partitions - (order if index == 0 else 0)
        parameter = bits.unsigned(width)
        if parameter == (1 << width) - 1:
            raw = bits.unsigned(5)
            parts.append(np.asarray([bits.signed(raw) for _ in range(count)], np.int64))
        else:
            parts.append(bits.rice(count, parameter))
    return np.concatenate(parts)


def _predict(warm_up: list[int], coefficients: tuple[int, ...], shift: int, residual: Ints) -> Ints:
    """Add what the past predicts, sample by sample; coefficients are newest first."""
    order = len(coefficients)
    if order == 0:
        return residual
    backwards = coefficients[::-1]
    samples = list(warm_up)
    for error in residual.tolist():
        samples.append(error + (sum(map(mul, backwards, samples[-order:])) >> shift))
    try:
        return np.asarray(samples, np.int64)
    except OverflowError as error:
        raise FlacError("a frame is broken") from error


def _md5(samples: Ints, bits: int) -> bytes:
    width = -(-bits // 8)
    little = samples.astype("<i8").view(np.uint8).reshape(*samples.shape, 8)[..., :width]
    return hashlib.md5(little.tobytes(), usedforsecurity=False).digest()
