"""A WebSocket by hand, for what no client library would send (RFC 6455, section 5.2)."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"
PATIENCE_S = 20.0


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    masked: bool = True,
    head: bytes | None = None,
) -> bytes:
    """A client's frame. `head` stands in for the bytes of its length, without the mask's bit."""
    head = head or length_head(len(payload))
    start = bytes([final << 7 | reserved << 4 | opcode, masked << 7 | head[0]]) + head[1:]
    if not masked:
        return start + payload
    return start + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def length_head(size: int) -> bytes:
    if size < 126:
        return bytes([size])
    return struct.pack("!BH", 126, size) if size < 0x10000 else struct.pack("!BQ", 127, size)


def close(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


# What a client may not send, and the codes with which the server may end the connection.
VIOLATIONS: dict[str, tuple[bytes, set[int]]] = {
    **{f"reserved bit {bit}": (frame(TEXT, b"x", reserved=bit), {1002}) for bit in (1, 2, 4)},
    **{f"opcode {op}": (frame(op, b"x"), {1002}) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    "an unmasked frame": (frame(TEXT, b"hello", masked=False), {1002}),
    "a continuation of nothing": (frame(CONTINUATION, b"x"), {1002}),
    "a message inside another": (frame(TEXT, b"a", final=False) + frame(TEXT, b"b"), {1002}),
    "a ping in pieces": (frame(PING, b"x", final=False), {1002}),
    "a ping too long": (frame(PING, bytes(126)), {1002}),
    "a close too long": (frame(CLOSE, b"\x03\xe8" + bytes(124)), {1002}),
    "a close of one byte": (frame(CLOSE, b"\x03"), {1002}),
    **{f"close code {code}": (close(code), {1002}) for code in (0, 999, 1004, 1005, 1006, 2999)},
    **{f"close code {code}": (close(code), {1002}) for code in (1015, 1016, 1100, 5000, 65535)},
    "a close whose reason is no UTF-8": (close(1000, b"\xce\xba\xff"), {1002, 1007}),
    "a length above 63 bits": (frame(BINARY, head=b"\x7f" + b"\xff" * 8), {1002, 1009}),
    "a message too big": (frame(BINARY, head=b"\x7f" + struct.pack("!Q", 1 << 30)), {1009}),
    "bad UTF-8": (frame(TEXT, b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80edited"), {1007}),
    "an overlong letter": (frame(TEXT, b"\xc0\xaf"), {1007}),
    "half a letter at the end": (frame(TEXT, b"caf\xc3"), {1007}),
    "bad UTF-8 in a later piece": (
        frame(TEXT, b"good ", final=False) + frame(CONTINUATION, b"\xf5\x80\x80\x80"),
        {1007},
    ),
}


@dataclass
class RawSocket:
    """An open connection whose handshake is done."""

    socket: socket.socket
    seen: list[tuple[int, bytes]] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload. Raises ConnectionError at its end."""
        first, size = self._bytes(2)
        if size == 126:
            (size,) = struct.unpack("!H", self._bytes(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._bytes(8))
        self.seen.append((first & 0x0F, self._bytes(size)))
        return self.seen[-1]

    def until_close(self) -> tuple[int, bytes]:
        """Read up to the server's close frame: its code (1005 when it has none) and reason."""
        opcode, payload = self.read()
        while opcode != CLOSE:
            opcode, payload = self.read()
        return (struct.unpack("!H", payload[:2])[0] if payload else 1005), payload[2:]

    def has_ended(self) -> bool:
        """Wait for the end of the connection; False when bytes come instead."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _bytes(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                raise ConnectionError("the server ended the connection")
            data += piece
        return data

    def __enter__(self) -> RawSocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()


def dial_raw(url: str, path: str, *headers: str) -> RawSocket:
    """Shake hands at `url` (http://host:port)."""
    parts = urlsplit(url)
    client = socket.create_connection((parts.hostname, parts.port or 80), PATIENCE_S)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    client.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1) or b"\r\n\r\n"
    assert head.startswith(b"HTTP/1.1 101 "), head
    return RawSocket(client)
