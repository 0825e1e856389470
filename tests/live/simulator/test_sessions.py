import uuid

import pytest

from live.simulator.closes import Refusal
from live.simulator.sessions import (
    HANDLE_LIFE_S,
    HISTORY_BYTES,
    MAX_HANDLES,
    MAX_SESSIONS,
    Memory,
    Role,
    Said,
    Session,
    Sessions,
    text_tokens,
)


def refusal(sessions: Sessions, handle: str, now: float) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        sessions.resume(handle, now)
    return caught.value.code, caught.value.reason


def test_memory_tells_what_is_unanswered() -> None:
    memory = Memory()
    for role, text in ((Role.USER, "a"), (Role.MODEL, "b"), (Role.USER, "c"), (Role.USER, "d")):
        memory.add(Said(role, text))
    assert memory.unanswered() == "c d"
    assert [said.text for said in memory.earlier()] == ["a", "b"]
    assert len(memory) == 4


def test_memory_is_bounded_and_forgets_the_oldest() -> None:
    memory = Memory()
    for number in range(100):
        memory.add(Said(Role.USER, f"{number:04}" + "x" * 2000))
    texts = [said.text for said in memory]
    assert sum(map(len, texts)) <= HISTORY_BYTES
    assert texts[-1].startswith("0099")


def test_tokens_of_text_and_sound() -> None:
    assert text_tokens("hello") == 2
    spoken = Said(Role.USER, "hello", 3.2)
    assert (spoken.audio_tokens, spoken.text_tokens) == (80, 0)
    assert Said(Role.USER, "hello").text_tokens == 2


def test_a_handle_leads_back_to_the_session_once_it_is_closed() -> None:
    sessions, session = Sessions(), Session()
    handle, newer = sessions.new_handle(session), sessions.new_handle(session)
    assert uuid.UUID(handle).version == 4
    assert handle != newer
    assert refusal(sessions, handle, 5.0) == (1011, "Internal error encountered.")
    sessions.closed(session, 10.0, in_mid_speech=True)
    assert sessions.resume(handle, 10.0) is session
    assert refusal(sessions, newer, 11.0)[0] == 1011


def test_an_idle_session_cannot_be_resumed_at_once() -> None:
    sessions, session = Sessions(resume_wait=1.0), Session()
    handle = sessions.new_handle(session)
    sessions.closed(session, 10.0, in_mid_speech=False)
    assert refusal(sessions, handle, 10.9)[0] == 1011
    assert sessions.resume(handle, 11.0) is session


def test_handles_of_one_session_are_bounded() -> None:
    sessions, session = Sessions(), Session()
    handles = [sessions.new_handle(session) for _ in range(MAX_HANDLES + 1)]
    sessions.closed(session, 0.0, in_mid_speech=True)
    assert refusal(sessions, handles[0], 1.0)[0] == 1008
    assert sessions.resume(handles[1], 1.0) is session


def test_unknown_malformed_and_old_handles() -> None:
    sessions, session = Sessions(), Session()
    handle = sessions.new_handle(session)
    sessions.closed(session, 0.0, in_mid_speech=True)
    assert refusal(sessions, "nobody", 1.0) == (1008, "BidiGenerateContent session not found")
    assert refusal(sessions, "not a handle", 1.0) == (1007, "Invalid session handle")
    assert refusal(sessions, handle, HANDLE_LIFE_S + 1)[0] == 1008


def test_closed_sessions_are_bounded() -> None:
    sessions = Sessions(resume_wait=0)
    handles = []
    for number in range(MAX_SESSIONS + 1):
        session = Session()
        handles.append(sessions.new_handle(session))
        sessions.closed(session, float(number), in_mid_speech=False)
    assert refusal(sessions, handles[0], MAX_SESSIONS + 1)[0] == 1008
    assert sessions.resume(handles[1], MAX_SESSIONS + 1).handles == [handles[1]]
