"""The words of a link stream, as an older end may send them."""

from __future__ import annotations

import msgspec
import pytest

from conversations import protocol as p
from conversations import streams
from conversations.underway import TAKEN_PREFIX


def test_an_attach_of_an_older_web_process_is_understood() -> None:
    attach = streams.attach_decoder.decode(b'{"conversation": "c1", "epoch": 2, "seq": 7}')
    assert attach == streams.Attach("c1", 2, 7, page="", mode="take", line="")
    with pytest.raises(msgspec.ValidationError):
        streams.attach_decoder.decode(b'{"conversation": "c1", "mode": "steal"}')


def test_what_was_taken_is_known_by_its_first_bytes() -> None:
    frame = p.encode(streams.Taken(57))
    assert frame.startswith(TAKEN_PREFIX)
    assert streams.taken_decoder.decode(frame).frames == 57
