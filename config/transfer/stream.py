"""The neutral stream: msgpack frames with their lengths, packed by zstd, under one digest.

`begin` (versions, counts) · per model `model` (label, fields) and `rows` · `series` · `readings` (series, some days) ·
`file` and `bytes` · `proof` (what a reader of the target must find) · `end` (SHA-256 of everything before it).
The mark in front is a frame that zstd skips: `zstd -dc FILE` shows the rest.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import IO, Any

import msgspec
import zstandard

from config.transfer.errors import UnableToTransfer

FORMAT = 1
MARK = struct.pack("<II", 0x184D2A50, 16) + b"MyHouse stream 1"
# Between two processes the processor counts, in an archive the size.
QUICK, SMALL = 1, 6
_LENGTH = struct.Struct("<I")
_LONGEST = 256 * 1_048_576
_BUFFER = 1 << 20


def is_stream(start: bytes) -> bool:
    """Tell whether a file that begins so is one of these."""
    return start.startswith(MARK)


class Sink:
    """Writes frames; a stream without its `end` is not whole."""

    def __init__(self, file: IO[bytes], *, level: int) -> None:
        file.write(MARK)
        self._packed = zstandard.ZstdCompressor(level=level, write_checksum=True).stream_writer(
            file, closefd=False, write_size=_BUFFER
        )
        self._digest = hashlib.sha256()
        # Without an order of its own: JSON keeps its keys as they came.
        self._encoder = msgspec.msgpack.Encoder()

    def put(self, *frame: Any) -> None:
        """Write one frame."""
        data = self._encoder.encode(frame)
        self._digest.update(data)
        self._packed.write(_LENGTH.pack(len(data)))
        self._packed.write(data)

    def close(self) -> None:
        """Write the `end`."""
        self.put("end", self._digest.hexdigest())
        self._packed.close()  # type: ignore[no-untyped-call] # zstandard has no types for it


def frames(file: IO[bytes]) -> Iterator[list[Any]]:
    """Yield the frames of a stream; the last one is only given if everything before it was whole."""
    if file.read(len(MARK)) != MARK:
        raise UnableToTransfer("This is no stream of this product: it does not begin as one.")
    digest = hashlib.sha256()
    decoder = msgspec.msgpack.Decoder()
    try:
        with zstandard.ZstdDecompressor().stream_reader(file, closefd=False) as plain:
            while True:
                (length,) = _LENGTH.unpack(_exactly(plain, _LENGTH.size))
                if length > _LONGEST:
                    raise _damaged("a part is too long")
                data = _exactly(plain, length)
                frame = decoder.decode(data)
                if frame[0] == "end":
                    if frame[1] != digest.hexdigest():
                        raise _damaged("its digest is another one")
                    # What is left is the packing's own checksum: read too, it is checked too.
                    plain.read(1)
                    yield frame
                    return
                digest.update(data)
                yield frame
    except (zstandard.ZstdError, msgspec.MsgspecError, ValueError, struct.error, IndexError, TypeError) as error:
        raise _damaged(str(error)) from error


def _exactly(plain: IO[bytes], count: int) -> bytes:
    parts = []
    while count:
        part = plain.read(min(count, _BUFFER))
        if not part:
            raise UnableToTransfer("The stream ends before its end: it is incomplete.")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _damaged(why: str) -> UnableToTransfer:
    return UnableToTransfer(f"The stream is damaged ({why}).")
