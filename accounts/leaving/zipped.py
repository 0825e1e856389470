"""A zip file as a stream of pieces: nothing of it stays in memory but the list of its members."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

Member = tuple[str, Iterable[bytes]]


class _Pipe(io.RawIOBase):
    """Takes what is written until it is asked for. It cannot seek, so zipfile streams."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> Iterator[bytes]:
        pieces, self._pieces = self._pieces, []
        if pieces:
            yield b"".join(pieces)


def zipped(members: Iterable[Member], at: datetime) -> Iterator[bytes]:
    """Yield a zip file with the members in their order, each compressed as it comes."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        for name, pieces in members:
            info = zipfile.ZipInfo(name, at.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o600 << 16
            with file.open(info, "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece)
                    yield from pipe.take()
            yield from pipe.take()
    yield from pipe.take()
