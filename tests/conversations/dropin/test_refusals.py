"""Refusals fit into a close frame, and every end of a conversation has one."""

import pytest

from conversations.dropin import refusals as r
from conversations.states import EndReason


@pytest.mark.parametrize("reason", EndReason)
def test_every_end_has_a_close(reason: EndReason) -> None:
    refusal = r.ended(reason)
    assert refusal.code in {1000, 1008, 1011}
    assert len(refusal.reason.encode()) <= r.REASON_BYTES
    r.error_body(refusal)


def test_a_reason_is_cut_between_characters() -> None:
    refusal = r.denied("é" * 200)
    assert refusal.text.startswith(refusal.reason)
    assert 120 <= len(refusal.reason.encode()) <= 123


def test_the_same_over_http() -> None:
    status, body = r.error_body(r.out_of_quota("All lines are busy."))
    assert status == 429
    assert body["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert body["error"]["message"].endswith("All lines are busy.")
