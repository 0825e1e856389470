import base64
import itertools
import json
from collections.abc import Callable

import pytest

from benchmarks.codec import Contest, Socket, answer, finish, main, sdk_session
from live.wire import decode


def test_the_message_is_what_google_sends_and_all_read_the_same_sound() -> None:
    message = answer()
    assert 4_300 < len(message) < 4_600
    content = decode(message).server_content
    assert content is not None
    assert content.model_turn is not None
    blob = content.model_turn.parts[0].inline_data
    assert blob is not None
    received = finish(sdk_session(Socket(message))._receive())  # noqa: SLF001 - one message
    assert received.data == blob.data
    assert len(blob.data) == 3_200


def test_what_the_sdk_sends_reaches_the_socket() -> None:
    socket = Socket(b"")
    finish(
        sdk_session(socket).send_realtime_input(audio={"data": b"\0\1", "mime_type": "audio/pcm"})
    )
    audio = json.loads(socket.sent)["realtime_input"]["audio"]
    assert base64.urlsafe_b64decode(audio["data"]) == b"\0\1"


def test_medians_and_how_many_times_faster_than_the_last() -> None:
    ours, theirs = itertools.cycle([1.0, 2.0, 9.0]), itertools.cycle([8.0])
    contest = Contest("job", {"ours": lambda: next(ours), "theirs": lambda: next(theirs)})
    for number in range(3):
        contest.round(number)
    assert contest.lines() == ["| job | ours | 2.00 | 4.0 |", "| job | theirs | 8.00 | 1.0 |"]


def test_the_rounds_are_interleaved_and_begin_in_turn() -> None:
    order: list[str] = []

    def runner(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return 1.0

        return run

    contest = Contest("job", {name: runner(name) for name in "ab"})
    contest.round(0)
    contest.round(1)
    assert order == ["a", "b", "b", "a"]


def test_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rounds", "1", "--repeats", "2"]) == 0
    printed = capsys.readouterr().out
    assert "| read 4.5 KB of audio | google-genai |" in printed
    assert "| write 100 ms of audio | live.wire.encode_audio |" in printed
