"""Each named fault against the client: the talk goes on, or ends with the right error."""

import asyncio
import contextlib
from typing import Any, NamedTuple

import pytest

from live import (
    Connected,
    CredentialError,
    Disconnected,
    Event,
    GoAway,
    LiveError,
    ModelError,
    NetworkError,
    ProtocolError,
    ProviderError,
    QuotaError,
    ResumptionError,
    ResumptionUpdate,
    ToolCall,
    Unknown,
    Usage,
    text_content,
)
from live.simulator import Simulator
from live.simulator.faults import FAULTS, HANDSHAKES, MODES
from tests.live.faults.stage import (
    ASK_COUNT,
    ASK_LOOK_UP,
    ASK_SECRET,
    COMEBACK,
    QUICK,
    SECRET,
    Stage,
    Talk,
    answer_to,
    said,
    told,
)

# With these the talk goes on as if nothing were; the events that it has more than the plain one.
GOES_ON: dict[str, tuple[type[Event], ...]] = {
    "go-away-early": (GoAway,),
    "silence": (),
    "slow-setup": (),
    "stall": (),
    "slow-pong": (),
    "refuse-handle": (),  # a new session has none
    "refuse-handle-1011": (),
    "no-ops": (),
    "error-message": (Unknown,),
    "huge": (),
    "other-first": (),
    "unknown-fields": (Unknown,),
    "joined": (),
    "half-open": (),  # the server sees this client
    "text-frames": (),
}


class End(NamedTuple):
    """The error that ends a talk, or keeps it from beginning."""

    kind: type[LiveError]
    code: str
    status: int | None
    permanent: bool = False
    refused: bool = False


_REFUSED = {"permanent": True, "refused": True}
_TIME_UP = End(ProviderError, "go_away_overstayed", None)
_LOST = End(NetworkError, "connection_lost", 1006)
_INTERNAL = End(ProviderError, "internal", 1011)
_UNAVAILABLE = End(ProviderError, "unavailable", 1011)
# These end a talk that resumes a session.
ENDS: dict[str, End] = {
    "go-away-now": _TIME_UP,
    "go-away-then-silence": _TIME_UP,
    "drop": _LOST,
    "drop-at-setup": End(NetworkError, "connection_lost", 1006, refused=True),
    "drop-in-call": _LOST,
    "refuse-handle": End(ResumptionError, "session_not_found", 1008, **_REFUSED),
    "refuse-handle-1011": End(ProviderError, "internal", 1011, refused=True),
    "garbage": End(ProtocolError, "message_malformed", None),
    # The table of states has no second setupComplete.
    "duplicates": End(ProtocolError, "message_out_of_order", None),
    "close-1000": End(ProviderError, "session_ended", 1000),
    "close-1008": End(ProviderError, "aborted", 1008),
    "close-1011": _INTERNAL,
    "internal-error": _INTERNAL,
    "unavailable": _UNAVAILABLE,
    "deadline": _UNAVAILABLE,
    "cancelled": _INTERNAL,
    "quota": End(QuotaError, "quota_exceeded", 1011, refused=True),
    "key-expired": End(CredentialError, "api_key_expired", 1007, **_REFUSED),
    "key-not-found": End(CredentialError, "api_key_invalid", 1007, **_REFUSED),
    "location": End(ModelError, "location_unsupported", 1007, **_REFUSED),
    "http-401": End(CredentialError, "token_invalid", 401, **_REFUSED),
    "http-403": End(CredentialError, "permission_denied", 403, **_REFUSED),
    "http-429": End(QuotaError, "rate_limited", 429, refused=True),
    "http-500": End(ProviderError, "unavailable", 500, refused=True),
    "http-503": End(ProviderError, "unavailable", 503, refused=True),
}
# What is told otherwise: a test of its own says how.
OTHERWISE = {"late-transcripts", "no-transcripts", "split-calls"}
PERMANENT = [name for name, end in ENDS.items() if end.permanent]
TEMPORARY = [name for name, end in ENDS.items() if not end.permanent]


def test_every_named_fault_has_a_row() -> None:
    named = FAULTS.keys() | MODES.keys() | HANDSHAKES.keys()
    assert GOES_ON.keys() | ENDS.keys() | OTHERWISE == named


async def whole_talk(talk: Talk) -> list[Event]:
    """A typed question, a spoken one that needs a function, and its answer."""
    await talk.ready()
    await talk.type(ASK_COUNT)
    await talk.say(ASK_LOOK_UP)
    await talk.answer_call()
    return talk.events


async def ended_by(stage: Stage, name: str, handle: str) -> tuple[Talk | None, LiveError]:
    """The talk that a fault ended, if there was one, and its error."""
    try:
        talk = await stage.connect(name, handle=handle)
    except LiveError as refusal:
        return None, refusal
    with contextlib.suppress(LiveError):  # the end may be there already; `receive` tells it
        talk.session.send_text(ASK_LOOK_UP if name == "drop-in-call" else ASK_COUNT)
    return talk, await talk.error()


class Plain(NamedTuple):
    """What a talk without a fault tells."""

    told: dict[str, Any]
    usage: Usage


@pytest.fixture(scope="module")
def plain() -> Plain:
    async def hold() -> Plain:
        async with Simulator(pace=QUICK) as simulator:
            stage = Stage(simulator, asyncio.all_tasks())
            talk = await stage.connect()
            found = Plain(told(await whole_talk(talk)), talk.session.usage)
            await stage.leave()
            return found

    return asyncio.run(hold())


def test_the_plain_talk_is_as_it_was_asked(plain: Plain) -> None:
    assert plain.told["said"].startswith("One, two, three.")
    assert "seven degrees" in plain.told["said"]
    assert plain.told["heard"] == ASK_LOOK_UP
    assert [("look_up", {})] in plain.told["others"]


@pytest.mark.parametrize("name", GOES_ON)
async def test_the_talk_goes_on_and_nothing_is_told_twice(
    stage: Stage, plain: Plain, name: str
) -> None:
    talk = await stage.connect(name)
    events = await whole_talk(talk)
    more = GOES_ON[name]
    assert told([event for event in events if not isinstance(event, more)]) == plain.told
    assert {type(event) for event in events if isinstance(event, more)} == set(more)
    assert talk.session.usage == plain.usage
    assert talk.session.open_calls == set()
    assert talk.session.audio_dropped_bytes == 0


@pytest.mark.parametrize("name", PERMANENT)
async def test_a_refusal_that_trying_again_does_not_mend(stage: Stage, name: str) -> None:
    talk, error = await ended_by(stage, name, await stage.handle())
    assert talk is None
    check_row(name, error)
    assert error.retry_after is None


@pytest.mark.parametrize("name", TEMPORARY)
async def test_the_talk_ends_and_goes_on_by_its_handle_without_a_second_greeting(
    stage: Stage, name: str
) -> None:
    handle = await stage.remembering()
    talk, error = await ended_by(stage, name, handle)
    check_row(name, error)
    assert error.retry_after
    assert (talk is None) == ENDS[name].refused
    if talk is not None:
        await check_it_stays_ended(talk, error)
        handle = talk.session.handle
    await stage.leave()
    resumed = await stage.connect(handle=handle)
    first = await resumed.ready()
    assert [type(event).__name__ for event in first] == ["Ready", "Connected", "ResumptionUpdate"]
    if name != "drop-in-call":  # there a call is open, and the model waits for it
        assert said(await resumed.type(ASK_SECRET)) == "The code word is heron."


@pytest.mark.parametrize("name", TEMPORARY)
async def test_a_session_that_comes_back_gets_over_it(stage: Stage, name: str) -> None:
    talk = await stage.connect(name, handle=await stage.remembering(), comeback=COMEBACK)
    talk.session.send_text(ASK_LOOK_UP if name == "drop-in-call" else ASK_COUNT)
    connections = 1 if ENDS[name].refused else 2
    while talk.count(Connected) < connections:
        await talk.until(Connected)
    if name == "drop-in-call":
        await talk.answer_call()
    while "heron" not in said(talk.events):
        await talk.type(ASK_SECRET)
    assert talk.count(Disconnected) == connections - 1
    assert talk.count(ToolCall) == (name == "drop-in-call")
    assert talk.session.open_calls == set()
    assert not any(event.renewed for event in talk.events if isinstance(event, Connected))


@pytest.mark.parametrize("name", ["refuse-handle", "refuse-handle-1011"])
async def test_a_session_whose_handle_is_refused_begins_anew(stage: Stage, name: str) -> None:
    talk = await stage.connect(
        name,
        times=COMEBACK.handle_tries,
        handle=await stage.remembering(),
        comeback=COMEBACK,
        history=lambda: [text_content("user", SECRET), text_content("model", "Noted.")],
    )
    assert said(await talk.type(ASK_SECRET)) == "The code word is heron."
    [connected] = [event for event in talk.events if isinstance(event, Connected)]
    assert connected.renewed


def check_row(name: str, error: LiveError) -> None:
    """The error is the one of the row, and says what to do."""
    end = ENDS[name]
    found = type(error), error.code, error.status, error.permanent
    assert found == (end.kind, end.code, end.status, end.permanent)
    assert error.fix


async def check_it_stays_ended(talk: Talk, error: LiveError) -> None:
    """Every call tells of the same error, and sound is counted instead of kept."""
    with pytest.raises(type(error)) as again:
        await talk.session.receive()
    with pytest.raises(type(error)) as sending:
        talk.session.send_text("Hello?")
    assert again.value is sending.value is error
    before = talk.session.audio_dropped_bytes
    talk.session.send_audio(bytes(3200))
    assert talk.session.audio_dropped_bytes == before + 3200


async def test_a_call_is_seen_once_though_the_connection_went_in_it(stage: Stage) -> None:
    talk, _error = await ended_by(stage, "drop-in-call", await stage.remembering())
    assert talk is not None
    answer = answer_to(talk.events)
    assert talk.session.open_calls == {answer.id}
    await stage.leave()
    resumed = await stage.connect(handle=talk.session.handle)
    resumed.session.send_tool_responses([answer])
    events = await resumed.until(ResumptionUpdate)
    while "seven degrees" not in said(events):
        events = [*events, *await resumed.until(Event)]
    assert not any(isinstance(event, ToolCall) for event in resumed.events)
    assert resumed.session.open_calls == set()


@pytest.mark.parametrize(("name", "heard"), [("late", ASK_LOOK_UP), ("no", "")])
async def test_the_user_s_words_may_come_late_or_never(
    stage: Stage, plain: Plain, name: str, heard: str
) -> None:
    talk = await stage.connect(f"{name}-transcripts")
    events = told(await whole_talk(talk))
    assert events["heard"] == heard
    assert (events["said"], events["audio"]) == (plain.told["said"], plain.told["audio"])
    assert talk.session.open_calls == set()


async def test_calls_that_come_in_several_messages_are_all_seen(stage: Stage, plain: Plain) -> None:
    talk = await stage.connect("split-calls")
    assert told(await whole_talk(talk)) == plain.told


async def test_after_a_refused_handle_a_new_session_knows_nothing(stage: Stage) -> None:
    await ended_by(stage, "refuse-handle", await stage.remembering())
    talk = await stage.connect()
    await talk.ready()
    assert "heron" not in said(await talk.type(ASK_SECRET))


async def test_who_leaves_at_the_go_away_never_sees_an_error(stage: Stage) -> None:
    talk = await stage.connect("go-away-early")
    await talk.ready()
    await talk.type(SECRET)
    assert any(isinstance(event, GoAway) for event in talk.events)
    await stage.leave()
    assert await talk.session.receive() == []
    resumed = await stage.connect(handle=talk.session.handle)
    await resumed.ready()
    assert said(await resumed.type(ASK_SECRET)) == "The code word is heron."
