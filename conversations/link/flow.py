"""One stream's queues and credit, without I/O.

Credit counts the bytes of messages, each way for itself. A message may start while any credit is
left, and then travels whole: it may overdraw the credit by its own length, and the next one waits
until the reader has given enough back. So a message larger than the window still passes, a sender
never stops inside a message, and a reader holds at most its window and one message.
"""

from collections import deque

from .errors import LinkClosed, LinkProtocolError
from .frames import DATA, HEADER, MAX_MESSAGE, MORE, PIECE

_pack_header = HEADER.pack


class Flow:
    """The state of one stream at one end. Its owner is the core; users hold a LinkStream.

    `closed` is set when nothing more can be sent or will arrive; messages that came before stay
    in `inbox`. `closing` is the reason of a close that waits behind the outbox.
    """

    __slots__ = (
        "_offset",
        "_parts",
        "accepted",
        "assembling",
        "closed",
        "closing",
        "credit",
        "id",
        "inbox",
        "info",
        "outbox",
        "outstanding",
        "owed",
        "receive_window",
        "send_window",
    )

    def __init__(self, stream_id: int, info: bytes, *, receive_window: int) -> None:
        self.id = stream_id
        self.info = info
        self.accepted = False
        self.closed: LinkClosed | None = None
        self.closing: str | None = None
        self.send_window = 0
        self.credit = 0
        self.outbox: deque[bytes] = deque()
        self._offset = 0
        self.receive_window = receive_window
        self.outstanding = 0
        self.owed = 0
        self.inbox: deque[bytes] = deque()
        self._parts: list[bytes] = []
        self.assembling = 0

    def accept(self, send_window: int) -> None:
        """Both ends know the stream now, and the peer reads `send_window` bytes ahead."""
        self.accepted = True
        self.send_window = self.credit = send_window

    def put(self, message: bytes) -> bool:
        """Queue a message; False, and nothing queued, while no credit is left."""
        size = len(message)
        if not 0 < size <= MAX_MESSAGE:
            raise ValueError("a message has from 1 byte to 1 MiB")
        if self.credit <= 0:
            return False
        self.credit -= size
        self.outbox.append(message)
        return True

    def write_piece(self, parts: list[bytes | memoryview]) -> int:
        """Append the next piece's frame to `parts`; its payload's size in bytes."""
        message = self.outbox[0]
        size = len(message) - self._offset
        if size <= PIECE:
            parts.append(_pack_header(DATA, 0, size, self.id))
            parts.append(memoryview(message)[self._offset :] if self._offset else message)
            self.outbox.popleft()
            self._offset = 0
            return size
        parts.append(_pack_header(DATA, MORE, PIECE, self.id))
        parts.append(memoryview(message)[self._offset : self._offset + PIECE])
        self._offset += PIECE
        return PIECE

    def refill(self, increment: int) -> bool:
        """Take credit from the peer; True when it lets a waiting sender go on."""
        was_empty = self.credit <= 0
        self.credit += increment
        if self.credit > self.send_window:
            raise LinkProtocolError("more credit than was used")
        return was_empty and self.credit > 0

    def take_piece(self, piece: bytes, more: bool) -> bool:
        """Take a piece from the peer; True when the inbox was empty and now is not.

        Raises LinkProtocolError when a message starts without credit or exceeds 1 MiB.
        """
        if not self.assembling and self.outstanding >= self.receive_window:
            raise LinkProtocolError("message without credit")
        self.outstanding += len(piece)
        if more or self.assembling:
            return self._assemble(piece, more)
        self.inbox.append(piece)
        return len(self.inbox) == 1

    def _assemble(self, piece: bytes, more: bool) -> bool:
        self._parts.append(piece)
        self.assembling += len(piece)
        if self.assembling > MAX_MESSAGE:
            raise LinkProtocolError("message too large")
        if more:
            return False
        self.inbox.append(b"".join(self._parts))
        self._parts.clear()
        self.assembling = 0
        return len(self.inbox) == 1

    def consume(self, size: int) -> int:
        """Note that `size` bytes were dealt with; the increment to send now, or 0.

        Credit is given back a quarter of the window at a time. A sender that waits has used up the
        window, so what is held back here never keeps it waiting once all was consumed.
        """
        if size < 0 or self.owed + size > self.outstanding - self.assembling:
            raise ValueError("more consumed than was received")
        self.owed += size
        if self.owed * 4 < self.receive_window:
            return 0
        increment, self.owed = self.owed, 0
        self.outstanding -= increment
        return increment

    def end(self, error: LinkClosed) -> None:
        """Nothing more is queued or taken in; whole messages already here stay readable."""
        self.closed = error
        self._parts.clear()
        self.assembling = 0

    def drop_output(self) -> None:
        self.outbox.clear()
        self._offset = 0
