"""RFC 6455 at our edge, byte by byte, as the Autobahn suite would look at it."""

import pytest

from tests.config.server.conftest import Web
from tests.raw_socket import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    VIOLATIONS,
    RawSocket,
    close,
    dial_raw,
    frame,
)

GREETING = "Grüße, κόσμε".encode()


def echo(web: Web) -> RawSocket:
    return dial_raw(web.url, "/echo/rfc6455")


@pytest.mark.parametrize("what", VIOLATIONS)
def test_a_violation_ends_the_connection_with_its_code(web: Web, what: str) -> None:
    data, codes = VIOLATIONS[what]
    with echo(web) as client:
        client.send(data)
        assert client.until_close()[0] in codes
        assert [opcode for opcode, _ in client.seen] == [8]  # nothing of it was taken
        client.socket.shutdown(1)
        assert client.has_ended()


def test_a_message_in_pieces_with_pings_between_them(web: Web) -> None:
    with echo(web) as client:
        for opcode in (TEXT, BINARY):
            pieces = [GREETING[i : i + 1] for i in range(len(GREETING))]  # letters are cut too
            client.send(frame(opcode, pieces[0], final=False))
            for number, piece in enumerate(pieces[1:-1]):
                client.send(frame(PING, b"%d" % number) + frame(CONTINUATION, piece, final=False))
                assert client.read() == (PONG, b"%d" % number)
            client.send(frame(CONTINUATION, b"", final=False) + frame(CONTINUATION, pieces[-1]))
            assert client.read() == (opcode, GREETING)


def test_every_byte_may_come_alone(web: Web) -> None:
    with echo(web) as client:
        for byte in frame(TEXT, GREETING) + frame(PING, b"p") + frame(BINARY, bytes(130)):
            client.send(bytes([byte]))
        answers = [client.read() for _ in range(3)]
        answers.remove((PONG, b"p"))  # the server's own: it waits for no application
        assert answers == [(TEXT, GREETING), (BINARY, bytes(130))]


def test_sizes_at_the_borders_of_the_header(web: Web) -> None:
    with echo(web) as client:
        for size in (0, 1, 125, 126, 127, 65_535, 65_536):
            client.send(frame(BINARY, b"\x7f" * size))
            assert client.read() == (BINARY, b"\x7f" * size)
        for payload in (b"", b"\0" * 125):
            client.send(frame(PONG, b"unasked") + frame(PING, payload))
            assert client.read() == (PONG, payload)


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1007, 1011, 3000, 4999])
def test_a_close_is_answered_in_kind(web: Web, code: int) -> None:
    with echo(web) as client:
        client.send(close(code, "bis später".encode()) + frame(TEXT, b"too late"))
        assert client.until_close()[0] == code
        assert client.has_ended()


def test_a_close_may_say_nothing(web: Web) -> None:
    with echo(web) as client:
        client.send(frame(8))
        assert client.until_close()[0] in {1000, 1005}
        assert client.has_ended()
