"""Proof of the shared secret in both directions, before the first frame.

    listening  -> connecting   MAGIC, nonce L
    connecting -> listening    MAGIC, nonce C, HMAC(secret, "connecting", MAGIC, L, C)
    listening  -> connecting   HMAC(secret, "listening", MAGIC, L, C), or REFUSAL

HMAC-SHA256 challenge and response (RFC 2104). Each proof names the role of its maker, so that a
proof sent back to its maker, or into a second connection, is worth nothing. The listening end
proves itself last: whoever merely connects gets a random number and nothing to try secrets on.
It proves who is there when the connection starts; on a network where others can change packets,
run it inside TLS.
"""

import hmac
from enum import Enum
from typing import Final

from .errors import LinkRefused

MAGIC: Final = b"PLYLINK1"
NONCE_SIZE: Final = 32
PROOF_SIZE: Final = 32
SECRET_SIZE: Final = 32
REFUSAL: Final = bytes(PROOF_SIZE)

WRONG_SECRET: Final = "wrong-secret"  # noqa: S105 - a reason, not a secret
NOT_A_LINK: Final = "not-a-link"


class Role(Enum):
    """Which end of the connection: the one that dialled, or the one that was dialled."""

    CONNECTING = b"connecting"
    LISTENING = b"listening"


class Handshake:
    """One end's handshake, without I/O.

    `outgoing` collects the bytes to write. `secret` and `nonce` are 32 bytes each; the nonce must
    be random and used once.
    """

    def __init__(self, role: Role, secret: bytes, nonce: bytes) -> None:
        if len(secret) != SECRET_SIZE or len(nonce) != NONCE_SIZE:
            raise ValueError("the link's secret and nonce are 32 bytes each")
        self._role = role
        self._secret = secret
        self._nonce = nonce
        self._peer_nonce: bytes | None = None
        self._received = b""
        self.outgoing: list[bytes] = []
        if role is Role.LISTENING:
            self.outgoing.append(MAGIC + nonce)

    def receive(self, data: bytes) -> bytes | None:
        """Take bytes; None while more are needed, else what follows the handshake.

        Raises LinkRefused when the peer is no link or does not know the secret.
        """
        self._received += data
        if self._role is Role.LISTENING:
            return self._check_caller()
        if self._peer_nonce is None and not self._answer_challenge():
            return None
        return self._check_answer()

    def _answer_challenge(self) -> bool:
        nonce = self._take_hello(MAGIC, NONCE_SIZE)
        if nonce is None:
            return False
        self._peer_nonce = nonce
        proof = self._proof(Role.CONNECTING, nonce, self._nonce)
        self.outgoing.append(MAGIC + self._nonce + proof)
        return True

    def _check_answer(self) -> bytes | None:
        proof = self._take(PROOF_SIZE)
        if proof is None:
            return None
        expected = self._proof(Role.LISTENING, self._peer_nonce or b"", self._nonce)
        self._compare(proof, expected)
        return self._received

    def _check_caller(self) -> bytes | None:
        hello = self._take_hello(MAGIC, NONCE_SIZE + PROOF_SIZE)
        if hello is None:
            return None
        nonce, proof = hello[:NONCE_SIZE], hello[NONCE_SIZE:]
        try:
            self._compare(proof, self._proof(Role.CONNECTING, self._nonce, nonce))
        except LinkRefused:
            self.outgoing.append(REFUSAL)
            raise
        self.outgoing.append(self._proof(Role.LISTENING, self._nonce, nonce))
        return self._received

    def _take_hello(self, magic: bytes, size: int) -> bytes | None:
        # Judged by its first bytes, so that a browser or a port scanner is not waited for.
        if not magic.startswith(self._received[: len(magic)]):
            raise LinkRefused(NOT_A_LINK)
        hello = self._take(len(magic) + size)
        return None if hello is None else hello[len(magic) :]

    def _take(self, size: int) -> bytes | None:
        if len(self._received) < size:
            return None
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def _proof(self, maker: Role, listening: bytes, connecting: bytes) -> bytes:
        return hmac.digest(self._secret, maker.value + MAGIC + listening + connecting, "sha256")

    def _compare(self, proof: bytes, expected: bytes) -> None:
        if not hmac.compare_digest(proof, expected):
            raise LinkRefused(WRONG_SECRET)
