import pytest

from conversations.tools.answers import Unreadable, compact, read_answer, shortened
from conversations.tools.exchange import Answer


def answer(body: bytes, kind: str = "application/json") -> Answer:
    return Answer(200, {"content-type": kind}, body)


@pytest.mark.parametrize(
    ("body", "kind", "response"),
    [
        (b'{"a": 1}', "application/json", {"a": 1}),
        (b'{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        (b"[1]", "Application/JSON", {"result": [1]}),
        (b"two pairs", "text/plain", {"result": "two pairs"}),
        (b"two pairs", "", {"result": "two pairs"}),
        (b"", "image/png", {"result": None}),
    ],
)
def test_an_answer_is_an_object(body: bytes, kind: str, response: object) -> None:
    assert read_answer(answer(body, kind)) == response


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b'{"a": NaN}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"\xff", "text/plain"),
        (b"PNG", "image/png"),
    ],
)
def test_what_cannot_be_used(body: bytes, kind: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_answer(answer(body, kind))
    assert caught.value.summary.startswith("The answer ")


def test_an_error_is_shortened() -> None:
    assert shortened(answer(b"x" * 5000)) == "x" * 2000
    assert shortened(answer(b"\xff")) is None
    assert shortened(answer(b"")) is None


def test_json_as_it_is_sent() -> None:
    assert compact({"b": "é", "a": [1, None]}) == '{"b":"é","a":[1,null]}'.encode()
