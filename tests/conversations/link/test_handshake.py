import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.link.errors import LinkRefused
from conversations.link.handshake import (
    MAGIC,
    NOT_A_LINK,
    PROOF_SIZE,
    REFUSAL,
    WRONG_SECRET,
    Handshake,
    Role,
)

SECRET = b"s" * 32


def listening(secret: bytes = SECRET, nonce: bytes = b"L" * 32) -> Handshake:
    return Handshake(Role.LISTENING, secret, nonce)


def connecting(secret: bytes = SECRET, nonce: bytes = b"C" * 32) -> Handshake:
    return Handshake(Role.CONNECTING, secret, nonce)


def said(handshake: Handshake) -> bytes:
    data = b"".join(handshake.outgoing)
    handshake.outgoing.clear()
    return data


def test_both_ends_prove_themselves_and_what_follows_is_kept() -> None:
    worker, web = listening(), connecting()
    assert web.receive(said(worker)) is None
    assert worker.receive(said(web) + b"frames") == b"frames"
    assert web.receive(said(worker) + b"more") == b"more"


@given(st.sets(st.integers(1, 71)))
def test_bytes_may_be_cut_anywhere(cuts: set[int]) -> None:
    worker, web = listening(), connecting()
    web.receive(said(worker))
    hello = said(web)
    edges = [0, *sorted(cuts), len(hello)]
    results = [worker.receive(hello[a:b]) for a, b in itertools.pairwise(edges)]
    assert results[:-1] == [None] * (len(results) - 1)
    assert results[-1] == b""


def test_a_caller_without_the_secret_is_told_and_learns_nothing() -> None:
    worker, web = listening(), connecting(secret=b"x" * 32)
    web.receive(said(worker))
    with pytest.raises(LinkRefused, match=WRONG_SECRET):
        worker.receive(said(web))
    answer = said(worker)
    assert answer == REFUSAL
    with pytest.raises(LinkRefused, match=WRONG_SECRET):
        web.receive(answer)


def test_the_listening_end_says_nothing_that_depends_on_the_secret_first() -> None:
    assert said(listening(secret=b"a" * 32)) == said(listening(secret=b"b" * 32))


def test_a_proof_sent_back_to_its_maker_is_refused() -> None:
    web = connecting()
    web.receive(MAGIC + b"C" * 32)  # the impostor knows only what it is told: even the same nonce
    proof = said(web)[-PROOF_SIZE:]
    with pytest.raises(LinkRefused, match=WRONG_SECRET):
        web.receive(proof)


def test_a_proof_does_not_open_a_second_connection() -> None:
    first, second, web = listening(nonce=b"1" * 32), listening(nonce=b"2" * 32), connecting()
    web.receive(said(first))
    said(second)
    with pytest.raises(LinkRefused, match=WRONG_SECRET):
        second.receive(said(web))


@pytest.mark.parametrize("make", [listening, connecting])
@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\n", b"PLYLINK2", bytes(100)])
def test_another_protocol_is_known_by_its_first_bytes(
    make: Callable[[], Handshake], first: bytes
) -> None:
    with pytest.raises(LinkRefused, match=NOT_A_LINK):
        make().receive(first)


@pytest.mark.parametrize(("secret", "nonce"), [(b"short", b"n" * 32), (b"s" * 32, b"")])
def test_secret_and_nonce_have_their_size(secret: bytes, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Handshake(Role.LISTENING, secret, nonce)
