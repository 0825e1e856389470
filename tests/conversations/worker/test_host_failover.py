"""A host whose session gave up, and what another credential may mend of it."""

import pytest

import live
from conversations import protocol as p
from conversations.states import ConversationState, EndReason, Speaker
from tests.conversations.worker.test_host import Studio, studio, typed

__all__ = ["studio"]


@pytest.mark.parametrize(
    ("code", "text", "failure", "comes_back"),
    [
        (1007, "API key not valid.", "api_key_invalid", False),
        (1011, "You exceeded your current quota", "quota_exceeded", True),
    ],
)
async def test_what_its_credential_brought_about_may_be_mended_by_another(
    studio: Studio, code: int, text: str, failure: str, comes_back: bool
) -> None:
    page, stream = await studio.page()
    studio.host.give_up(live.error_from_close(code, text))
    [told] = studio.office.failures
    assert (told.code, told.rest is not None) == (failure, comes_back)
    assert studio.office.ends == []
    studio.host.wait_for_line(12.5)
    await stream.send(typed("r1", "Are you there?"))
    await page.until(lambda: page.said(Speaker.USER) == ["Are you there?"])
    assert page.picture.state == ConversationState.ROTATING
    notice = next(event for event in page.events if isinstance(event, p.Notice))
    assert notice.code == "credential-changed"
    assert "13 s" in notice.text


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (1011, "Internal error encountered.", EndReason.UPSTREAM_UNAVAILABLE),
        (1006, "", EndReason.UPSTREAM_UNAVAILABLE),
    ],
)
async def test_why_the_upstream_gave_up_is_why_it_ends(
    studio: Studio, code: int, text: str, reason: EndReason
) -> None:
    studio.host.give_up(live.error_from_close(code, text))
    assert studio.office.ends == [reason]
