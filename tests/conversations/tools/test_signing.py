import base64

from hypothesis import given
from hypothesis import strategies as st

from conversations.tools.signing import message_id, new_secret, signature, signed_headers


def test_the_example_of_the_standard() -> None:
    """The numbers of the Standard Webhooks specification's own example."""
    found = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_is_new_each_time_and_long() -> None:
    one, two = new_secret(), new_secret()
    assert one != two
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32


def test_without_a_secret_there_is_an_empty_signature() -> None:
    assert signed_headers((), "id", 1, b"")["webhook-signature"] == ""


@given(st.text(), st.text())
def test_two_keys_never_become_one(one: str, two: str) -> None:
    first, second = (each.encode(errors="replace").decode() for each in (one, two))
    assert (message_id(first) == message_id(second)) == (first == second)
    assert "." not in message_id(first)
    assert message_id(first).isascii()
    assert message_id(first).isprintable()
