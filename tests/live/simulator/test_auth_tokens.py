import json
from datetime import UTC, datetime
from typing import Any

import pytest

from live.simulator.auth_tokens import (
    LIFE_S,
    MAX_TOKENS,
    NEW_SESSION_LIFE_S,
    AuthToken,
    AuthTokens,
)
from live.simulator.closes import Refusal
from live.simulator.fields import Fields, read_message
from live.simulator.rest_errors import RestError
from live.simulator.schema import DEVELOPER_MESSAGE
from tests.live.simulator.clock import Clock

MODEL = "models/gemini-3.8-live"
USED_UP = (1011, "Token has been used too many times")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> AuthTokens:
    return AuthTokens(clock)


def stamp(clock: Clock, ahead: float) -> str:
    return datetime.fromtimestamp(clock.now + ahead, UTC).isoformat()


def minted(tokens: AuthTokens, body: dict[str, Any] | None = None) -> AuthToken:
    raw = b"" if body is None else json.dumps(body).encode()
    return tokens.find(tokens.create(raw)["name"])


def refused(token: AuthToken, *, resumes: bool = False) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        token.begin(resumes=resumes)
    return caught.value.code, caught.value.reason[:39]


def test_a_token_has_one_use_and_resuming_is_none(tokens: AuthTokens) -> None:
    token = minted(tokens)
    token.begin(resumes=False)
    assert refused(token) == (1011, USED_UP[1][:39])
    token.begin(resumes=True)


@pytest.mark.parametrize(("uses", "sessions"), [(3, 3), ("2", 2), (0, 50)])
def test_as_many_uses_as_asked_for(tokens: AuthTokens, uses: int | str, sessions: int) -> None:
    token = minted(tokens, {"uses": uses})
    for _ in range(sessions):
        token.begin(resumes=False)
    assert token.used == sessions
    if uses:
        assert refused(token)[0] == 1011


def test_no_session_begins_after_its_time_but_one_may_be_resumed(
    tokens: AuthTokens, clock: Clock
) -> None:
    token = minted(tokens, {"uses": 0})
    clock.now += NEW_SESSION_LIFE_S - 1
    token.begin(resumes=False)
    clock.now += 1
    assert refused(token) == (1008, "Request had invalid authentication cred")
    token.begin(resumes=True)


def test_after_the_expire_time_nothing_is_taken(tokens: AuthTokens, clock: Clock) -> None:
    name = tokens.create(b"{}")["name"]
    token = tokens.find(name)
    clock.now += LIFE_S - 1
    token.check()
    clock.now += 1
    with pytest.raises(Refusal):
        token.check()
    with pytest.raises(Refusal):
        tokens.find(name)
    assert refused(token, resumes=True)[0] == 1008


def test_times_that_were_asked_for(tokens: AuthTokens, clock: Clock) -> None:
    token = minted(
        tokens,
        {"expireTime": stamp(clock, 7200), "new_session_expire_time": stamp(clock, 600.5)},
    )
    assert token.expires_at == clock.now + 7200
    assert token.new_sessions_until == clock.now + 600.5


@pytest.mark.parametrize("name", ["expireTime", "newSessionExpireTime"])
@pytest.mark.parametrize("ahead", [-1, 0, 20 * 3600, 1e8])
def test_times_are_in_the_next_20_hours(
    tokens: AuthTokens, clock: Clock, name: str, ahead: float
) -> None:
    with pytest.raises(RestError) as caught:
        tokens.create(json.dumps({name: stamp(clock, ahead)}).encode())
    assert (caught.value.status, caught.value.name) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "Unexpected token"),
        (b"[]", "auth_token"),
        (b'{"colour": 1}', "Unknown name"),
        (b'{"uses": -1}', "uses"),
        (b'{"uses": 1.5}', "auth_token.uses"),
        (b'{"expireTime": "soon"}', "Timestamp"),
        (b'{"expireTime": "2027-01-15T09:00:00"}', "Timestamp"),
        (b'{"expireTime": 5}', "auth_token.expire_time"),
        (b'{"bidiGenerateContentSetup": {"setup": {}}}', "Unknown name"),
        (b'{"fieldMask": "model,colour"}', "colour"),
        (b'{"fieldMask": "generationConfig.colour"}', "colour"),
    ],
)
def test_requests_that_google_would_not_take(tokens: AuthTokens, body: bytes, words: str) -> None:
    try:
        tokens.create(body)
    except Refusal as refusal:
        said = refusal.reason
    except RestError as error:
        said = error.message
    else:
        said = "nothing"
    assert words in said


def test_the_oldest_tokens_go_first(tokens: AuthTokens) -> None:
    first, second = (tokens.create(b"")["name"] for _ in range(2))
    for _ in range(MAX_TOKENS - 1):
        tokens.create(b"")
    with pytest.raises(Refusal):
        tokens.find(first)
    assert tokens.find(second).uses == 1


def fields_of(setup: dict[str, Any]) -> Fields:
    return read_message(json.dumps({"setup": setup}), DEVELOPER_MESSAGE)[1]


ASKED: dict[str, Any] = {
    "model": "models/other",
    "generationConfig": {"temperature": 1.5, "maxOutputTokens": 10},
    "systemInstruction": {"parts": [{"text": "Mine."}]},
    "outputAudioTranscription": {},
}
LOCKED: dict[str, Any] = {
    "model": MODEL,
    "generationConfig": {"temperature": 0.5, "responseModalities": ["AUDIO"]},
    "tools": [{"googleSearch": {}}],
}
KEPT = {"systemInstruction": ASKED["systemInstruction"], "outputAudioTranscription": {}}


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({}, ASKED),
        ({"fieldMask": ""}, ASKED),
        ({"bidiGenerateContentSetup": LOCKED}, LOCKED),
        ({"bidiGenerateContentSetup": LOCKED, "fieldMask": ""}, LOCKED),
        (
            {
                "bidiGenerateContentSetup": LOCKED,
                "fieldMask": "model,generationConfig.temperature,"
                "generationConfig.responseModalities,tools",
            },
            {
                **LOCKED,
                **KEPT,
                "generationConfig": {**LOCKED["generationConfig"], "maxOutputTokens": 10},
            },
        ),
        (
            {
                "bidiGenerateContentSetup": LOCKED,
                "fieldMask": "generationConfig,output_audio_transcription,tools.0",
            },
            {
                **LOCKED,
                "model": "models/other",
                "systemInstruction": ASKED["systemInstruction"],
            },
        ),
        (
            {"bidiGenerateContentSetup": LOCKED, "fieldMask": "system_instruction.parts"},
            {**ASKED, "systemInstruction": {}},
        ),
        (
            {"fieldMask": "temperature,generation_config.max_output_tokens"},
            {**ASKED, "generationConfig": {}},
        ),
        ({"fieldMask": "proactivity.proactiveAudio, tools"}, ASKED),
    ],
)
def test_what_holds_when_a_session_asks_for_something_else(
    tokens: AuthTokens, token: dict[str, Any], expected: dict[str, Any]
) -> None:
    constraints = minted(tokens, token).constraints
    asked = fields_of(ASKED)
    assert constraints.apply(asked) == fields_of(expected)
    assert asked == fields_of(ASKED)


@pytest.mark.parametrize("mask", ["", "sessionResumption", "sessionResumption,model"])
def test_a_handle_is_the_connections_own(tokens: AuthTokens, mask: str) -> None:
    setup = {"model": MODEL, "sessionResumption": {}}
    body = {"bidiGenerateContentSetup": setup, "fieldMask": mask}
    constraints = minted(tokens, body).constraints
    asked = fields_of({"model": MODEL, "sessionResumption": {"handle": "h"}})
    assert constraints.apply(asked)["session_resumption"] == {"handle": "h"}
    assert constraints.apply(fields_of({"model": MODEL}))["session_resumption"] == {}


def test_a_token_without_resumption_allows_none(tokens: AuthTokens) -> None:
    constraints = minted(tokens, {"bidiGenerateContentSetup": {"model": MODEL}}).constraints
    asked = fields_of({"model": MODEL, "sessionResumption": {"handle": "h"}})
    assert constraints.apply(asked) == {"model": MODEL}
