"""Whole numbers up to a hundred, in words."""

from collections.abc import Sequence

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number: int) -> str:
    """Return a number from 0 to 100 in words; a larger one in digits."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")
    return "one hundred" if number == 100 else str(number)


def numbers_in(words: Sequence[str]) -> list[int]:
    """Return the numbers in a list of lower-case words, in order; digits count too."""
    found: list[int] = []
    open_tens = False
    for word in " ".join(words).replace("-", " ").split():
        value = _value(word)
        if value is None:
            open_tens = False
        elif open_tens and 0 < value < 10:
            found[-1] += value
            open_tens = False
        else:
            found.append(value)
            open_tens = word in _TENS
    return found


def _value(word: str) -> int | None:
    if word.isdecimal():
        return int(word[:9])
    if word in _SMALL:
        return _SMALL.index(word)
    if word in _TENS:
        return 10 * (_TENS.index(word) + 2)
    return 100 if word == "hundred" else None
