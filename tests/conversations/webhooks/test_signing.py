"""The specification's own vectors, and signatures checked by libraries that are not ours."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from conversations.webhooks.signing import (
    headers_of,
    new_key,
    new_secret,
    public_key_of,
    signed_with,
)

# Standard Webhooks, in the tests of all its libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = datetime.fromtimestamp(1614265330, UTC)
BODY = b'{"test": 2432232314}'
# RFC 8032, 7.1, test 1.
RFC_SECRET = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
RFC_PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


def test_the_vector_of_the_specification() -> None:
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signed_with(SECRET, MESSAGE, AT, BODY) == expected
    assert headers_of([SECRET], MESSAGE, AT, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": expected,
    }


def test_keys_are_those_of_the_rfc() -> None:
    """The specification has no vector for ed25519: these keys are those of its standard."""
    public = "whpk_" + base64.b64encode(bytes.fromhex(RFC_PUBLIC)).decode()
    secret = "whsk_" + base64.b64encode(bytes.fromhex(RFC_SECRET)).decode()
    assert public_key_of(secret) == public
    # As others write it, with the public half behind it.
    both = "whsk_" + base64.b64encode(bytes.fromhex(RFC_SECRET + RFC_PUBLIC)).decode()
    assert public_key_of(both) == public
    assert public_key_of(SECRET) == ""


def check_pair(public: str, signature: str, signed: bytes) -> None:
    version, _, encoded = signature.partition(",")
    assert version == "v1a"
    raw = base64.b64decode(public.removeprefix("whpk_"))
    Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(encoded), signed)


def test_a_key_pair_signs_what_the_specification_says() -> None:
    secret = new_key()
    signature = signed_with(secret, MESSAGE, AT, BODY)
    signed = f"{MESSAGE}.1614265330.".encode() + BODY
    check_pair(public_key_of(secret), signature, signed)
    with pytest.raises(InvalidSignature):
        check_pair(public_key_of(secret), signature, signed + b" ")
    with pytest.raises(InvalidSignature):
        check_pair(public_key_of(new_key()), signature, signed)


@given(st.text())
def test_the_official_library_takes_it_with_either_secret(text: str) -> None:
    body = text.encode(errors="replace")
    old, new = new_secret(), new_secret()
    headers = headers_of([new, old], MESSAGE, datetime.now(UTC), body)
    for secret in (old, new):
        Webhook(secret).verify(body, headers, json_parse=False)
