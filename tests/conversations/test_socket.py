import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations import protocol as p
from conversations.socket import UNACKNOWLEDGED_FRAMES, Ledger, Unacknowledged, explain


class Stream:
    def __init__(self) -> None:
        self.credit = 0

    def consumed(self, size: int) -> None:
        self.credit += size


def test_credit_goes_back_to_the_stream_that_sent() -> None:
    ledger, old, new = Ledger(), Stream(), Stream()
    ledger.sent(None, 10)
    ledger.sent(old, 100)
    ledger.sent(new, 7)
    ledger.acknowledge(2)
    assert (old.credit, new.credit) == (100, 0)
    ledger.acknowledge(3)
    assert new.credit == 7


@given(st.lists(st.integers(0, 50)))
def test_no_acknowledgement_gives_more_than_was_sent(acknowledgements: list[int]) -> None:
    ledger, stream = Ledger(), Stream()
    for size in range(1, 21):
        ledger.sent(stream, size)
    for frames in acknowledgements:
        ledger.acknowledge(frames)
    highest = min(max(acknowledgements, default=0), 20)
    assert stream.credit == sum(range(1, highest + 1))


def test_a_client_that_never_acknowledges_is_stopped() -> None:
    ledger = Ledger()
    for _ in range(UNACKNOWLEDGED_FRAMES):
        ledger.sent(None, 1)
    with pytest.raises(Unacknowledged):
        ledger.sent(None, 1)


def test_errors_tell_what_is_wrong_without_the_words() -> None:
    with pytest.raises(msgspec.MsgspecError) as bad_json:
        p.client_decoder.decode("{secret words")
    with pytest.raises(msgspec.MsgspecError) as bad_message:
        p.client_decoder.decode('{"type":"text","id":"1","text":7}')
    assert explain(bad_json.value).code == "bad-json"
    explained = explain(bad_message.value)
    assert explained.code == "bad-message"
    assert "text" in explained.message
    assert "secret words" not in explain(bad_json.value).message
