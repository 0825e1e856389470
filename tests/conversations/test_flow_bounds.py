"""The reference names every bound with the number that the code has."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import pytest
from twisted.internet.abstract import FileDescriptor
from websockets.asyncio.client import ClientConnection

from config.server import limits
from conversations import protocol as p
from conversations.held import HELD_AUDIO_BYTES, HELD_TEXT_BYTES
from conversations.link import DEFAULT_WINDOW, MAX_MESSAGE
from conversations.link.connection import WRITE_BUFFER
from conversations.link.core import MAX_REPLIES, WRITE_SIZE
from conversations.link.frames import PIECE
from conversations.socket import UNACKNOWLEDGED_FRAMES
from conversations.underway import MAX_BYTES as UNDERWAY_BYTES
from conversations.worker.ring import RING_BYTES
from conversations.worker.texts import UNSAVED_CHARS
from conversations.worker.viewer import AUDIO_BYTES, WORDS
from live import client, connection, outbox

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "flow-control.md").read_text()
VOICE_MS = p.INPUT_RATE_HZ * 2 // 1000  # bytes of a millisecond
SOCKET_AHEAD = inspect.signature(ClientConnection).parameters["write_limit"].default
READ = 256 * 1024  # what asyncio and uvloop read at once


def of_page(module: str, name: str) -> int:
    """A constant of the page's JavaScript: a product of whole numbers."""
    text = (ROOT / "static" / "js" / "conversation" / f"{module}.js").read_text()
    found = re.search(rf"^(?:export )?const {name} = ([\d *]+);", text, re.MULTILINE)
    assert found is not None, name
    return math.prod(int(factor) for factor in found[1].split("*"))


BOUNDS = {
    "page: voice that waits": of_page("uplink", "VOICE_AGE_MS") * VOICE_MS,
    "page: picture that waits": p.PICTURE_BYTES,
    "browser: its send queue": of_page("uplink", "VOICE_AHEAD_BYTES"),
    "web process: received, daphne": limits.INBOUND_BYTES,
    "web process: received, uvicorn": READ,
    "web process: held voice": HELD_AUDIO_BYTES,
    "web process: held picture": p.PICTURE_BYTES,
    "web process: held texts": HELD_TEXT_BYTES,
    "web process: sent, not confirmed": UNDERWAY_BYTES,
    "link: one conversation, up": DEFAULT_WINDOW,
    "worker: picture that waits": p.PICTURE_BYTES,
    "worker: to the model, in all": outbox.TOTAL_BYTES,
    "worker: to the model, voice": outbox.AUDIO_BYTES,
    "worker: the socket to the model": connection.AHEAD_BYTES + SOCKET_AHEAD,
    "worker: read from the model": client.INBOX_BYTES,
    "worker: events": RING_BYTES,
    "worker: voice, each page": AUDIO_BYTES,
    "worker: notes to one page": WORDS,
    "worker: words not stored yet": UNSAVED_CHARS,
    "link: one conversation, down": DEFAULT_WINDOW,
    "web process: its send queue": FileDescriptor.bufferSize,
    "page: voice to be played": of_page("sound-queue", "MAX_BYTES"),
    "link: one connection's buffer": WRITE_BUFFER,
    "link: frames that answer frames": MAX_REPLIES,
}


def written() -> dict[str, int]:
    rows = re.findall(r"^\| ([\w ':,]+?) \| ([\d,]+)[^|]*\|", PAGE, re.MULTILINE)
    return {hop: int(number.replace(",", "")) for hop, number in rows}


def test_every_bound_is_written_as_it_is() -> None:
    assert written() == BOUNDS


@pytest.mark.parametrize(
    "number",
    [
        limits.MAX_MESSAGE_BYTES,
        p.FRAME_BYTES,
        PIECE,
        UNACKNOWLEDGED_FRAMES,
        WRITE_SIZE,
    ],
)
def test_other_numbers_of_the_text(number: int) -> None:
    assert f"{number:,}" in PAGE


def test_the_page_and_the_server_hold_a_voice_alike() -> None:
    assert of_page("uplink", "VOICE_AGE_MS") * VOICE_MS == HELD_AUDIO_BYTES


def test_a_picture_fits_into_every_hop_beside_some_voice() -> None:
    second = 1000 * VOICE_MS
    assert p.PICTURE_BYTES + second < DEFAULT_WINDOW <= limits.INBOUND_BYTES
    assert min(MAX_MESSAGE, limits.MAX_MESSAGE_BYTES) > p.PICTURE_BYTES
    in_base64 = p.PICTURE_BYTES * 4 // 3
    assert in_base64 + outbox.AUDIO_BYTES < outbox.TOTAL_BYTES
