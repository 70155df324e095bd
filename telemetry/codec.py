"""How readings and quarters are laid out in a block: exact, compact, decoded in plain numpy.

Numbers that are whole at some scale of ten (most meters') become integers; integers are differenced 0, 1 or 2 times,
whichever leaves the least, cut to the narrowest width, their bytes sorted by significance, and the lot goes through
zstd. Other floats keep their 64 bits. What comes out equals what went in, bit for bit of value and time.
"""

from __future__ import annotations

import struct
import threading

import numpy as np
import numpy.typing as npt
import zstandard

from telemetry.errors import CorruptBlockError
from telemetry.model import Bytes, Columns, Floats, Int64s

FORMAT = 1
_HEAD = struct.Struct("<BI")
_INTS = struct.Struct("<BBqqq")
_KIND = struct.Struct("<Bb")
_GRID, _PLAIN = 1, 0
_SCALED, _FLOAT = 0, 1
_MAX_SCALE = 6
_EXACT = float(1 << 53)
_SAMPLE = 128
_LEVEL = 3

_local = threading.local()


def _compress(raw: bytes) -> bytes:
    try:
        compressor: zstandard.ZstdCompressor = _local.compressor
    except AttributeError:
        compressor = _local.compressor = zstandard.ZstdCompressor(level=_LEVEL)
    return compressor.compress(raw)


def _decompress(data: bytes) -> bytes:
    try:
        decompressor: zstandard.ZstdDecompressor = _local.decompressor
    except AttributeError:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    return decompressor.decompress(data)


class _Writer:
    """Collects small headers and wide payloads; the payloads are compressed together."""

    def __init__(self, count: int) -> None:
        self.head = [_HEAD.pack(FORMAT, count)]
        self.body: list[bytes] = []

    def finish(self) -> bytes:
        head = b"".join(self.head)
        body = b"".join(self.body)
        return struct.pack("<H", len(head)) + head + (_compress(body) if body else b"")


class _Reader:
    """Walks a block in the order it was written."""

    def __init__(self, data: bytes) -> None:
        try:
            (size,) = struct.unpack_from("<H", data)
            self.head = data[2 : 2 + size]
            version, self.count = _HEAD.unpack_from(self.head)
            if version != FORMAT:
                raise CorruptBlockError(f"A block has format {version}; this version reads format {FORMAT}.")
            self.body = _decompress(data[2 + size :]) if len(data) > 2 + size else b""
        except (struct.error, zstandard.ZstdError) as error:
            raise CorruptBlockError(f"A block does not decode: {error}.") from error
        self.at = _HEAD.size
        self.used = 0

    def unpack(self, shape: struct.Struct) -> tuple[int, ...]:
        values = shape.unpack_from(self.head, self.at)
        self.at += shape.size
        return values

    def take(self, count: int, dtype: npt.DTypeLike) -> npt.NDArray[np.generic]:
        found = np.frombuffer(self.body, dtype, count, self.used)
        self.used += found.nbytes
        return found


def _cost(numbers: Int64s) -> float:
    """About how many bits one of these numbers takes; from a sample."""
    sample = numbers[:: max(1, len(numbers) // _SAMPLE)]
    sample = np.sort(sample)
    return float(np.log2(np.abs(sample - sample[len(sample) // 2]) + 1.0).sum()) / len(sample)


def _put_ints(writer: _Writer, numbers: Int64s, orders: tuple[int, ...] = (0, 1, 2)) -> None:
    """Write integers below 2^61 as differences of the cheapest order."""
    best, order, first, second = numbers, 0, 0, 0
    if len(numbers) > 2:
        ones = numbers[1:] - numbers[:-1]
        candidates = {one: (numbers, ones)[one] if one < 2 else ones[1:] - ones[:-1] for one in orders}
        order = min(orders, key=lambda one: _cost(candidates[one])) if len(orders) > 1 else orders[0]
        best = candidates[order]
        first = int(numbers[0]) if order else 0
        second = int(ones[0]) if order == 2 else 0
    low = int(best.min()) if len(best) else 0
    spread = int(best.max()) - low if len(best) else 0
    width = 0 if not spread else 1 if spread < 1 << 8 else 2 if spread < 1 << 16 else 4 if spread < 1 << 32 else 8
    writer.head.append(_INTS.pack(order, width, first, second, low))
    if width:
        narrow = (best - low).astype(f"<u{width}")
        writer.body.append(narrow.view(np.uint8).reshape(-1, width).T.tobytes())


def _get_ints(reader: _Reader) -> Int64s:
    order, width, first, second, low = reader.unpack(_INTS)
    count = reader.count - order
    if width:
        planes = reader.take(count * width, np.uint8).reshape(width, count)
        narrow = planes[0] if width == 1 else np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(count)
        numbers = narrow.astype(np.int64)
        if low:
            numbers += low
    else:
        numbers = np.full(count, low, np.int64)
    for start in (second, first)[2 - order :]:
        whole = np.empty(len(numbers) + 1, np.int64)
        whole[0] = start
        whole[1:] = numbers
        numbers = np.cumsum(whole, out=whole)
    return numbers


def _scale_of(values: Floats) -> tuple[int, Int64s] | None:
    """The smallest power of ten at which every value is a whole number, and those numbers."""
    sample = values[:: max(1, len(values) // 32)]
    for digits in range(_MAX_SCALE + 1):
        factor = 10.0**digits
        if not np.array_equal(np.rint(sample * factor) / factor, sample):
            continue
        scaled = np.rint(values * factor)
        if np.abs(scaled).max(initial=0.0) < _EXACT and np.array_equal(scaled / factor, values):
            return digits, scaled.astype(np.int64)
    return None


def _put_floats(writer: _Writer, values: Floats, orders: tuple[int, ...] = (0, 1, 2)) -> None:
    scaled = _scale_of(values)
    if scaled is not None:
        writer.head.append(_KIND.pack(_SCALED, scaled[0]))
        _put_ints(writer, scaled[1], orders)
        return
    writer.head.append(_KIND.pack(_FLOAT, 0))
    bits = np.ascontiguousarray(values).view(np.uint64)
    mixed = bits.copy()
    mixed[1:] ^= bits[:-1]
    writer.body.append(mixed.view(np.uint8).reshape(-1, 8).T.tobytes())


def _get_floats(reader: _Reader) -> Floats:
    kind, digits = reader.unpack(_KIND)
    if kind == _SCALED:
        return _get_ints(reader) / 10.0**digits if digits else _get_ints(reader).astype(np.float64)
    planes = reader.take(reader.count * 8, np.uint8).reshape(8, reader.count)
    mixed = np.ascontiguousarray(planes.T).view(np.uint64).reshape(reader.count)
    return np.bitwise_xor.accumulate(mixed).view(np.float64)


def _put_times(writer: _Writer, times: Int64s) -> None:
    """Times near a regular grid are stored as grid number and remainder, others as differences."""
    if len(times) > 2:
        steps = times[1:] - times[:-1]
        if (steps == steps[0]).all():
            writer.head.append(_KIND.pack(_PLAIN, 0))
            _put_ints(writer, times, (1,))
            return
        step = int(np.partition(steps, len(steps) // 2)[len(steps) // 2])
        if 1 < step < 1 << 32:
            place, rest = np.divmod(times - times[0] + step // 2, step)
            if _cost(np.diff(place)) + _cost(rest) < min(_cost(steps), _cost(np.diff(steps))):
                writer.head.append(_KIND.pack(_GRID, 0) + struct.pack("<qq", int(times[0]), step))
                _put_ints(writer, place, (1,))
                _put_ints(writer, rest)
                return
    writer.head.append(_KIND.pack(_PLAIN, 0))
    _put_ints(writer, times, (1, 2))


_ORIGIN = struct.Struct("<qq")


def _get_times(reader: _Reader) -> Int64s:
    kind, _unused = reader.unpack(_KIND)
    if kind == _PLAIN:
        return _get_ints(reader)
    origin, step = reader.unpack(_ORIGIN)
    times = _get_ints(reader) * step
    times += _get_ints(reader)
    times += origin - step // 2
    return times


_RUNS = struct.Struct("<IB")


def _put_bytes(writer: _Writer, flags: Bytes) -> None:
    """Small numbers that rarely change, as runs."""
    starts = np.flatnonzero(np.diff(flags)) + 1
    writer.head.append(_RUNS.pack(len(starts), int(flags[0]) if len(flags) else 0))
    writer.body.append(starts.astype("<u4").tobytes() + flags[starts].tobytes())


def _get_bytes(reader: _Reader) -> Bytes:
    runs, first = reader.unpack(_RUNS)
    if not runs:
        return np.full(reader.count, first, np.uint8)
    starts = reader.take(runs, "<u4")
    values = reader.take(runs, np.uint8)
    edges = np.array([0, *starts.tolist(), reader.count], np.int64)
    lengths = edges[1:] - edges[:-1]
    return np.repeat(np.concatenate(([first], values)).astype(np.uint8), lengths)


def columns_encode(columns: Columns, *, quick: bool = False) -> bytes:
    """A block of readings; `quick` ones are soon written again and not worth the search for the smallest."""
    writer = _Writer(len(columns))
    if quick:
        writer.head.append(_KIND.pack(_PLAIN, 0))
        _put_ints(writer, columns.times, (1,))
        _put_floats(writer, columns.values, (1,))
    else:
        _put_times(writer, columns.times)
        _put_floats(writer, columns.values)
    _put_bytes(writer, columns.quality)
    return writer.finish()


def columns_decode(data: bytes) -> Columns:
    """The readings of a block."""
    reader = _Reader(data)
    try:
        return Columns(_get_times(reader), _get_floats(reader), _get_bytes(reader))
    except (ValueError, struct.error) as error:
        raise CorruptBlockError(f"A block does not decode: {error}.") from error


def grid_encode(flags: Bytes, energy: Int64s, shapes: tuple[Floats, ...]) -> bytes:
    """A block of quarters: flags, exact energy, and any number of float columns whose NaN fall where flags are 0."""
    writer = _Writer(len(flags))
    _put_bytes(writer, flags)
    _put_ints(writer, energy, (0,))
    for column in shapes:
        _put_floats(writer, np.where(flags > 0, column, 0.0))
    return writer.finish()


def grid_decode(data: bytes, shapes: int) -> tuple[Bytes, Int64s, list[Floats]]:
    """The flags, energy and float columns of a block of quarters."""
    reader = _Reader(data)
    try:
        flags, energy = _get_bytes(reader), _get_ints(reader)
        columns = [_get_floats(reader) for _ in range(shapes)]
    except (ValueError, struct.error) as error:
        raise CorruptBlockError(f"A block does not decode: {error}.") from error
    if columns and not flags.all():
        absent = flags == 0
        for column in columns:
            column[absent] = np.nan
    return flags, energy, columns
