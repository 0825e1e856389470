"""A WebSocket protocol whose pongs can be late, as a busy server's are."""

from collections.abc import Callable
from typing import Any, cast

from websockets.asyncio.server import ServerConnection
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class LatePongs(ServerProtocol):
    """The server side of one connection. `later` is given the data of each pong, if set."""

    later: Callable[[bytes], None] | None = None

    def send_frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG and self.later is not None:
            self.later(bytes(frame.data))
        else:
            super().send_frame(frame)

    def send_late_pong(self, data: bytes) -> None:
        super().send_frame(Frame(Opcode.PONG, data))


def with_late_pongs(create: type[ServerConnection], max_size: int) -> type[ServerConnection]:
    """Return what makes connections like `create`, on this protocol.

    `serve` makes a protocol of its own class; with no extensions or subprotocols, as here,
    nothing of it but the logger and the size limit is needed again.
    """

    def connection(protocol: ServerProtocol, *args: Any, **options: Any) -> ServerConnection:
        late = LatePongs(max_size=max_size, logger=protocol.logger)
        return create(late, *args, **options)

    # The parameter is typed as a class and documented as a factory.
    return cast(type[ServerConnection], connection)
