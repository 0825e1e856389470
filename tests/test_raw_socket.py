"""The frames made by hand are the ones a library makes and reads."""

from websockets.frames import Frame, Opcode
from websockets.protocol import Side, State
from websockets.server import ServerProtocol

from tests.raw_socket import CLOSE, VIOLATIONS, close, frame


def server() -> ServerProtocol:
    return ServerProtocol(state=State.OPEN, max_size=2**20)


def test_a_library_reads_what_we_write() -> None:
    protocol = server()
    sent = [bytes(size) for size in (0, 125, 126, 65_535, 65_536)]
    for payload in sent:
        protocol.receive_data(frame(Opcode.BINARY, payload))
    protocol.receive_data(close(4001, b"bye"))
    *frames, last = protocol.events_received()
    assert [each.data for each in frames if isinstance(each, Frame)] == sent
    assert isinstance(last, Frame)
    assert (last.opcode, last.data) == (CLOSE, b"\x0f\xa1bye")


def test_a_library_refuses_every_framing_violation() -> None:
    for what, (data, codes) in VIOLATIONS.items():
        protocol = server()
        protocol.receive_data(data)
        if codes == {1007}:
            continue  # letters are the business of whoever puts the pieces together
        assert protocol.side is Side.SERVER
        assert protocol.close_sent is not None, what
        assert protocol.close_sent.code in codes, what
