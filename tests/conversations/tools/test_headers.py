import pytest

from conversations.tools.headers import MOST_CHARACTERS, MOST_HEADERS, read_headers


def test_one_in_each_line() -> None:
    text = "Authorization: Bearer a:b\n\n  X-Shop :  Lyon \n"
    assert read_headers(text) == ({"Authorization": "Bearer a:b", "X-Shop": "Lyon"}, "")
    assert read_headers("") == ({}, "")


@pytest.mark.parametrize(
    "line",
    [
        "sesame",
        ": sesame",
        "X Shop: sesame",
        "Hôst: sesame",
        "Host: sesame",
        "content-length: 6",
        "webhook-signature: sesame",
        "Idempotency-Key: sesame",
        "x-a: sesame",
        "X-B:",
        "X-B: sésame",
        "X-B: se\x07same",
        "X-B: se\x0bsame",
    ],
)
def test_what_is_no_header_is_told_without_what_stands_in_it(line: str) -> None:
    found, fault = read_headers(f"X-A: 1\n{line}")
    assert found == {}
    assert fault.startswith("Line ")
    assert "same" not in fault


def test_not_too_much() -> None:
    assert read_headers("\n".join(f"X-{n}: 1" for n in range(MOST_HEADERS)))[1] == ""
    assert "headers" in read_headers("\n".join(f"X-{n}: 1" for n in range(MOST_HEADERS + 1)))[1]
    assert "characters" in read_headers("x" * (MOST_CHARACTERS + 1))[1]
