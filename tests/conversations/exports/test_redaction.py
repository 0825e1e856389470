import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.exports.redaction import (
    CARD,
    EMAIL,
    IBAN,
    NAME,
    PHONE,
    Redactor,
    has_luhn_digit,
    is_iban,
)

IBANS = ("DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606")
CARDS = ("4111111111111111", "5500005555555559", "378282246310005", "6011000990139424")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Write to mia.b+shop@mail.example.co.uk, please.", f"Write to {EMAIL}, please."),
        ("ops@localhost is down", f"{EMAIL} is down"),
        ("Call +49 (0)30 901820-0 now", f"Call {PHONE} now"),
        ("It's 030/901 820 or (555) 123-4567.", f"It's {PHONE} or {PHONE}."),
        ("My card: 4111 1111 1111 1111!", f"My card: {CARD}!"),
        ("4111-1111-1111-1111", CARD),
        ("IBAN DE89 3704 0044 0532 0130 00 thanks", f"IBAN {IBAN} thanks"),
        ("to gb29nwbk60161331926819.", f"to {IBAN}."),
        ("I am Mia Berg, mia to friends", f"I am {NAME}, {NAME} to friends"),
        ("BERG here", f"{NAME} here"),
    ],
)
def test_what_is_found(said: str, told: str) -> None:
    assert Redactor(["Mia Berg"]).text(said) == told


@pytest.mark.parametrize(
    "said",
    [
        "On 2026-11-23 at 10:30, order 12345678, size 42.",
        "It was 23.11.2026, for 1,299.00 EUR.",
        "Room 101, floor 3, 50 % off",
        "4111111111111112 has the wrong check digit",
        "DE00370400440532013000 is no account",
        "Bergen is a town, and amiable is a word",
        "me @ home",
        "",
    ],
)
def test_what_stays(said: str) -> None:
    assert Redactor(["Mia Berg"]).text(said) == said


def test_what_it_does_not_find() -> None:
    """As the guide says."""
    for said in ("four nine three oh", "Ask Jonas", "12 Main Street", "born in May 1984"):
        assert Redactor(["Mia Berg"]).text(said) == said


SPACES = st.sampled_from(["", " ", "-"])
# Text that cannot run into what stands beside it.
TEXTS = st.text(alphabet=string.ascii_letters + " .,!?äß👍", max_size=40)


def grouped(digits: str, gap: str) -> str:
    return gap.join(digits[start : start + 4] for start in range(0, len(digits), 4))


@given(before=TEXTS, after=TEXTS, body=st.text(string.digits, min_size=12, max_size=18), gap=SPACES)
def test_no_card_with_a_right_digit_is_left(before: str, after: str, body: str, gap: str) -> None:
    digits = next(body + last for last in string.digits if has_luhn_digit(body + last))
    told = Redactor().text(f"{before} {grouped(digits, gap)} {after}")
    assert digits not in told.replace(" ", "").replace("-", "")
    assert CARD in told or PHONE in told


@given(
    before=TEXTS,
    after=TEXTS,
    account=st.text(string.digits + string.ascii_uppercase, min_size=18, max_size=18),
    gap=st.sampled_from(["", " "]),
)
def test_no_iban_with_right_digits_is_left(before: str, after: str, account: str, gap: str) -> None:
    iban = next(
        f"GB{check:02}{account}" for check in range(2, 99) if is_iban(f"GB{check:02}{account}")
    )
    told = Redactor().text(f"{before} {grouped(iban, gap)} {after}")
    assert iban not in told.replace(" ", "")
    assert IBAN in told or CARD in told


@given(
    TEXTS,
    TEXTS,
    st.from_regex(r"[a-z0-9]{1,12}(\.[a-z]{1,8})?@[a-z]{2,8}(\.[a-z]{2,6}){1,2}", fullmatch=True),
)
def test_no_address_is_left(before: str, after: str, address: str) -> None:
    told = Redactor().text(f"{before} {address} {after}")
    assert "@" not in told
    assert EMAIL in told


@given(st.text(max_size=80))
def test_twice_is_as_once(text: str) -> None:
    redactor = Redactor(["Mia Berg", "phone"])
    once = redactor.text(text)
    assert redactor.text(once) == once


@given(st.text(alphabet=st.characters(exclude_categories=["Nd"], exclude_characters="@")))
def test_what_has_no_digit_and_no_at_stays(text: str) -> None:
    assert Redactor().text(text) == text


@given(st.text(alphabet="0123456789 +-()./@aDE", max_size=200))
def test_it_always_ends(text: str) -> None:
    assert isinstance(Redactor().text(text), str)


def test_values_keep_their_shape() -> None:
    value = {"to": ["a@b.example", 7, None], "who": {"Mia": "Mia"}, "at": 4111111111111111}
    told = Redactor(["Mia"]).value(value)
    assert told == {"to": [EMAIL, 7, None], "who": {"Mia": NAME}, "at": 4111111111111111}


@pytest.mark.parametrize("number", CARDS)
def test_check_digits_of_cards(number: str) -> None:
    assert has_luhn_digit(number)
    assert not has_luhn_digit(number[:-1] + str((int(number[-1]) + 1) % 10))


@pytest.mark.parametrize("number", IBANS)
def test_check_digits_of_accounts(number: str) -> None:
    assert is_iban(number)
    assert is_iban(number.lower())
    assert not is_iban(number[:-1])
    assert not is_iban(number[:2] + "00" + number[4:])
