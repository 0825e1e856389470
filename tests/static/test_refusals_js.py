"""What a refusal of the API means for the page: an error message, and a close code."""

from __future__ import annotations

from typing import Any

import pytest

from conversations import protocol as p
from conversations.api import saying
from conversations.api.problems import body_of
from conversations.api.talk_codes import TALK_CODES
from conversations.dismissals import DISMISSALS, LOSSES
from tests.static.modules import Modules

pytestmark = pytest.mark.asyncio(loop_scope="module")

RUN = "({ refusalOf }, [status, problem]) => refusalOf(status, problem)"


async def refusal(js: Modules, status: int, problem: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = await js.run("refusals", RUN, [status, problem])
    return found


async def test_what_the_api_refuses_is_told_in_its_words(js: Modules) -> None:
    error = saying.refusal_of(saying.NOT_YOURS)
    assert await refusal(js, error.status_code, body_of(error)) == {
        "told": {
            "type": "error",
            "code": "read-only",
            "message": saying.NOT_YOURS.message,
            "fix": saying.NOT_YOURS.fix,
            "fatal": False,
        },
        "close": None,
    }


@pytest.mark.parametrize(
    ("error", "close"),
    [(saying.OVER, None), (saying.GOING, 1006), (saying.NOT_TAKEN, 1006)],
    ids=lambda value: getattr(value, "code", str(value)),
)
async def test_what_is_told_otherwise_or_heals_is_not_told(
    js: Modules, error: p.Error, close: int | None
) -> None:
    refused = saying.refusal_of(error)
    found = await refusal(js, refused.status_code, body_of(refused))
    assert found == {"told": None, "close": close}


@pytest.mark.parametrize(
    ("status", "code", "close", "is_told"),
    [
        (401, "not-authenticated", p.Close.NOT_SIGNED_IN, False),
        (401, "not-signed-in", p.Close.NOT_SIGNED_IN, True),
        (403, "permission-denied", p.Close.BAD_FIRST_MESSAGE, False),
        (403, "consent-needed", p.Close.NOT_ALLOWED, True),
        (404, "unknown-conversation", p.Close.NOT_FOUND, True),
        (429, "tenant-sessions", p.Close.LIMIT_REACHED, True),
        (429, "throttled", 1006, False),
        (500, "server-error", 1006, False),
        (503, "capacity-full", p.Close.LIMIT_REACHED, True),
        (503, "store-away", 1006, False),
    ],
)
async def test_what_ends_the_connection_closes_it_as_a_socket_would(
    js: Modules, status: int, code: str, close: int, *, is_told: bool
) -> None:
    detail = "All lines are busy. Ask again later."
    found = await refusal(js, status, {"code": code, "detail": detail})
    told = {"type": "error", "code": code, "message": "All lines are busy.", "fatal": True}
    assert found["close"] == close
    assert found["told"] == (told | {"fix": "Ask again later."} if is_told else None)


async def test_an_answer_of_something_else_on_the_way_is_a_loss(js: Modules) -> None:
    for problem in (None, {}, {"code": 7}):
        assert await refusal(js, 403, problem) == {"told": None, "close": 1006}


async def test_why_one_is_let_go_closes_as_on_the_socket(js: Modules) -> None:
    run = "({ closeOf }, codes) => codes.map((code) => closeOf(code, 4402))"
    reasons = [*LOSSES.values(), *DISMISSALS.values()]
    closes = await js.run("refusals", run, [code for _, code, _, _ in reasons])
    assert closes == [close for close, _, _, _ in reasons]


async def test_every_refusal_that_passes_is_one_of_the_api(js: Modules) -> None:
    run = "({ refusalOf }, codes) => codes.filter((code) => !refusalOf(409, { code }).close)"
    passing = set(await js.run("refusals", run, sorted(TALK_CODES)))
    assert {"too-many-texts", "text-too-long", "read-only", "unknown-call"} <= passing
    assert not passing & {"not-signed-in", "not-allowed", "unknown-agent", "opened-elsewhere"}
