"""A refusal of the socket as the answer of an endpoint."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from rest_framework.request import Request

from conversations import protocol as p
from conversations.admission import Refused
from conversations.api.reaching import NoLiveServer, refused, switchboard_of


@pytest.mark.parametrize(
    ("close", "code", "status"),
    [
        (p.Close.NOT_FOUND, "unknown-agent", 404),
        (p.Close.NOT_ALLOWED, "consent-needed", 403),
        (p.Close.LIMIT_REACHED, "concurrent-sessions", 429),
        (p.Close.LIMIT_REACHED, "capacity-full", 503),
    ],
)
def test_each_close_has_its_status(close: int, code: str, status: int) -> None:
    refusal = refused(Refused(close, code, "It is so.", "Do this.", retry_after_s=7))
    assert (refusal.status_code, refusal.wait) == (status, 7)
    assert str(refusal.detail) == "It is so. Do this."


def test_nothing_runs_live_outside_of_a_web_process() -> None:
    with pytest.raises(NoLiveServer):
        switchboard_of(Request(RequestFactory().get("/")))
