"""Taking what names a person out of a text. Pure: text in, text out.

What is found: e-mail addresses, card numbers whose check digit is right (Luhn), IBANs whose check
digits are right, telephone numbers, and the names that the caller knows of.

What is not found: names that nobody has said, addresses, dates of birth, user names, numbers that
are spoken as words ("four nine"), numbers that are split over two turns, and whatever else may
tell who somebody is. A redacted text has fewer traces of people; it is not anonymous.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

EMAIL, CARD, IBAN, PHONE, NAME = "[e-mail]", "[card]", "[iban]", "[phone]", "[name]"

# A part of a name that is shorter than this is a word of some language.
SHORTEST_NAME: Final = 3

_AN_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@\w[\w-]*(?:\.[\w-]+)*", re.UNICODE)
# Digits as people group them; what comes after is more text.
_A_NUMBER = re.compile(r"(?<![\w+])\+?\(?\d(?:[ ()./\u00a0-]{0,2}\d){6,}(?!\w)", re.ASCII)
_AN_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \u00a0-]?[A-Za-z0-9])", re.ASCII)
_A_DATE = re.compile(r"\d{4}([-./ ])\d\d?\1\d\d?|\d\d?([-./ ])\d\d?\2\d{4}", re.ASCII)

CARD_DIGITS: Final = range(13, 20)
# E.164 allows 15.
PHONE_DIGITS: Final = range(7, 16)

# How long an IBAN of a country is: the registry of ISO 13616.
_IBAN_LENGTHS: Final = {
    word[:2]: int(word[2:])
    for word in (
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 "
        "DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 "
        "HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 "
        "MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 "
        "RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 "
        "VA22 VG24 XK20 YE30"
    ).split()
}


class Redactor:
    """Redacts texts of one conversation. `names` are what its people are called: each is looked
    for as a whole, and each of its words that has three letters or more."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        whole = {" ".join(name.split()) for name in names}
        words = {word for name in whole for word in re.split(r"[\s.@_-]+", name)}
        known = {each for each in whole | words if len(each) >= SHORTEST_NAME}
        longest_first = sorted(known, key=lambda each: (-len(each), each))
        either = "|".join(re.escape(each).replace(r"\ ", r"\s+") for each in longest_first)
        self._names = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE) if known else None

    def text(self, text: str) -> str:
        """The text, with a word in brackets for everything that was found."""
        text = _AN_EMAIL.sub(EMAIL, text)
        text = _without_ibans(text)
        text = _A_NUMBER.sub(_number, text)
        return self._names.sub(_named, text) if self._names else text

    def value(self, value: Any) -> Any:
        """A JSON value with all its strings redacted, and the names of members as they were."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        return value


def has_luhn_digit(digits: str) -> bool:
    """Whether the last digit is the check digit of those before it (ISO/IEC 7812)."""
    doubled = (sum(divmod(2 * int(each), 10)) for each in digits[-2::-2])
    return (sum(map(int, digits[::-2])) + sum(doubled)) % 10 == 0


def is_iban(compact: str) -> bool:
    """Whether letters and digits without spaces are an IBAN: its length and its check digits."""
    compact = compact.upper()
    if len(compact) != _IBAN_LENGTHS.get(compact[:2]):
        return False
    return int("".join(str(int(each, 36)) for each in compact[4:] + compact[:4])) % 97 == 1


def _named(found: re.Match[str]) -> str:
    """A name; but the words that stand for what was taken out stay."""
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    return found[0] if (before, after) == ("[", "]") else NAME


def _number(found: re.Match[str]) -> str:
    text = found[0]
    digits = re.sub(r"\D", "", text)
    if len(digits) in CARD_DIGITS and has_luhn_digit(digits):
        return CARD
    if len(digits) in PHONE_DIGITS and _is_dialled(text):
        return PHONE
    return text


def _is_dialled(text: str) -> bool:
    """A number that is written as one dials it: abroad, at home, or in groups. Any other digits
    may be an order's, and dates are dates."""
    if _A_DATE.fullmatch(text):
        return False
    return text.startswith(("+", "0", "(")) or re.search(r"\d\D+\d", text) is not None


def _without_ibans(text: str) -> str:
    at = 0
    kept: list[str] = []
    for found in _AN_IBAN.finditer(text):
        end = _end_of_iban(text, found.start())
        if found.start() < at or end is None:
            continue
        kept += [text[at : found.start()], IBAN]
        at = end
    return "".join([*kept, text[at:]])


def _end_of_iban(text: str, start: int) -> int | None:
    """Where the IBAN ends that begins there; None if none does."""
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper(), 0)
    # Written in groups of four, or with any other spaces.
    found = re.compile(rf"[A-Za-z0-9](?:[ \u00a0-]?[A-Za-z0-9]){{{length - 1}}}(?![A-Za-z0-9])")
    match = found.match(text, start) if length else None
    if match is None or not is_iban(re.sub(r"[ \u00a0-]", "", match[0])):
        return None
    return match.end()
