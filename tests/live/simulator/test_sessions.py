import uuid

import pytest

from live.simulator.closes import Refusal
from live.simulator.sessions import (
    HANDLE_LIFE_S,
    HISTORY_BYTES,
    MAX_HANDLES,
    MAX_SESSIONS,
    VERTEX_HANDLE_LIFE_S,
    Memory,
    Role,
    Said,
    Session,
    Sessions,
    text_tokens,
)
from live.simulator.silence import PATIENCE_S


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


def test_memory_is_cut_to_a_turn_of_the_user() -> None:
    memory = Memory()
    for number in range(20):
        memory.add(Said(Role.MODEL if number % 2 else Role.USER, f"{number:02}" + "x" * 398))
    memory.video_tokens = 258
    assert memory.tokens == 20 * 100 + 258
    memory.cut_to(550)
    assert [said.text[:2] for said in memory] == ["16", "17", "18", "19"]
    assert memory.tokens == 400
    memory.cut_to(0)
    assert len(memory) == 0


def test_what_a_tool_said_is_no_question() -> None:
    memory = Memory()
    for role, text in ((Role.USER, "a"), (Role.MODEL, "b"), (Role.TOOL, "c"), (Role.USER, "d")):
        memory.add(Said(role, text))
    assert memory.unanswered() == "d"
    assert [said.text for said in memory.earlier()] == ["a", "b"]


def admitted(sessions: Sessions, handle: str = "", now: float = 0.0, **more: object) -> Session:
    asked = {"model": "m", "vertex": False, **more}
    return sessions.admit(handle, now, **asked)  # type: ignore[arg-type]


def admission_refused(sessions: Sessions, handle: str = "", **more: object) -> tuple[int, str]:
    with pytest.raises(Refusal) as caught:
        admitted(sessions, handle, 100.0, **more)
    return caught.value.code, caught.value.reason


def test_a_project_has_so_many_sessions_at_once() -> None:
    sessions = Sessions(max_open=2)
    first, _second = admitted(sessions), admitted(sessions)
    code, reason = admission_refused(sessions)
    assert code == 1011
    assert reason.startswith("You exceeded your current quota, please check your plan and billing")
    sessions.closed(first, 1.0, in_mid_speech=False)
    assert admitted(sessions) is not first


def test_everything_but_the_model_may_change_on_resumption() -> None:
    sessions = Sessions(max_open=1)
    session = admitted(sessions)
    handle = sessions.new_handle(session)
    sessions.closed(session, 1.0, in_mid_speech=True)
    for other in ({"model": "n"}, {"vertex": True}):
        assert admission_refused(sessions, handle, **other)[0] == 1007
    assert admitted(sessions, handle, 200.0) is session


def test_used_time_counts_connections_only_and_an_ended_session_has_no_handle() -> None:
    sessions = Sessions()
    session = admitted(sessions, now=10.0)
    handle = sessions.new_handle(session)
    sessions.closed(session, 15.0, in_mid_speech=True)
    admitted(sessions, handle, 100.0)
    sessions.closed(session, 101.0, in_mid_speech=True)
    assert session.used_s == 6.0
    session.ended = True
    assert refusal(sessions, handle, 102.0) == (1008, "BidiGenerateContent session not found")


def test_handles_of_vertex_live_a_day() -> None:
    sessions = Sessions()
    handles = []
    for vertex in (True, False):
        session = admitted(sessions, vertex=vertex)
        handles.append(sessions.new_handle(session))
        sessions.closed(session, 0.0, in_mid_speech=True)
    assert refusal(sessions, handles[1], HANDLE_LIFE_S)[0] == 1008
    assert admitted(sessions, handles[0], VERTEX_HANDLE_LIFE_S - 1, vertex=True).vertex


def test_a_client_that_vanished_occupies_its_session_until_the_server_gives_up() -> None:
    sessions = Sessions(max_open=1)
    session = admitted(sessions)
    handle = sessions.new_handle(session)
    sessions.vanished(session, 90.0)
    assert refusal(sessions, handle, 91.0) == (1011, "Internal error encountered.")
    assert refusal(sessions, handle, 90.0 + PATIENCE_S - 0.1)[0] == 1011
    assert admission_refused(sessions)[1].startswith("You exceeded")  # it counts as open
    lost = refusal(sessions, handle, 90.0 + PATIENCE_S)
    assert lost == (1008, "BidiGenerateContent session not found")
    assert admitted(sessions, now=90.0 + PATIENCE_S) is not session


def test_clients_that_vanished_are_bounded() -> None:
    sessions = Sessions(max_open=MAX_SESSIONS + 1)
    handles = []
    for _ in range(MAX_SESSIONS + 1):
        session = admitted(sessions)
        handles.append(sessions.new_handle(session))
        sessions.vanished(session, 0.0)
    assert refusal(sessions, handles[0], 1.0)[0] == 1008
    assert refusal(sessions, handles[1], 1.0)[0] == 1011
