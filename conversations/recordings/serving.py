"""A recording as the answer to a request: whole, or a range of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from conversations.recordings.mix import Mix

TYPE: Final = "audio/wav"
# A range that is wider is answered by its beginning, 11 s of sound; players ask for more.
RANGE_BYTES: Final = 1024 * 1024
ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class Unsatisfiable(Exception):
    """The range lies behind the end."""


def asked_range(
    header: str, total: int, *, most: int | None = RANGE_BYTES
) -> tuple[int, int] | None:
    """The bytes from the first number to before the second one, at most so many; None if all are
    to be sent.

    Several ranges, and what nobody can read, are answered by everything, as RFC 9110 allows.
    Raises Unsatisfiable.
    """
    found = ONE_RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if first:
        start, stop = int(first), int(last) + 1 if last else total
        if last and stop <= start:
            return None
    else:
        start, stop = max(0, total - int(last)), total
    stop = min(stop, total)
    if start >= stop:
        raise Unsatisfiable
    return start, stop if most is None else min(stop, start + most)


def sound_answer(mix: Mix, range_header: str) -> HttpResponseBase:
    """The sound, or the range of it that was asked for."""
    answer = _answer(mix, range_header)
    answer["Content-Type"] = TYPE
    answer["Accept-Ranges"] = "bytes"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _answer(mix: Mix, range_header: str) -> HttpResponseBase:
    answer: HttpResponseBase
    try:
        wanted = asked_range(range_header, mix.total_bytes)
    except Unsatisfiable:
        answer = HttpResponse(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        answer["Content-Range"] = f"bytes */{mix.total_bytes}"
        return answer
    if wanted is None:
        answer = StreamingHttpResponse(_Pieces(mix))
        answer["Content-Length"] = str(mix.total_bytes)
        return answer
    start, stop = wanted
    answer = HttpResponse(b"".join(mix.pieces(start, stop)), status=HTTPStatus.PARTIAL_CONTENT)
    answer["Content-Range"] = f"bytes {start}-{stop - 1}/{mix.total_bytes}"
    return answer


class _Pieces:
    """The whole sound, made piece by piece beside the event loop."""

    def __init__(self, mix: Mix) -> None:
        self._pieces = mix.pieces()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await asyncio.to_thread(next, self._pieces, b""):
            yield piece
