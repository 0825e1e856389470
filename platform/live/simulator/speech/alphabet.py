"""Sixty-four sounds: each is a pair of formant frequencies, and stands for a character.

Both formants lie on multiples of 25 Hz, the bin width of the ears' 40 ms window.
"""

import unicodedata
from collections.abc import Sequence

PHONE_S = 0.060
WORD_GAP_S = 0.080
CLAUSE_GAP_S = 0.180
SENTENCE_GAP_S = 0.340

F1_HZ: tuple[int, ...] = tuple(range(300, 1001, 100))
F2_HZ: tuple[int, ...] = tuple(range(1150, 2551, 200))

SHIFT = "\u21e7"
CAPITALS = "\u21ea"
SYMBOLS = "abcdefghijklmnopqrstuvwxyz0123456789.,?!'-:;\"()/&%$€@#+=_*éèçà" + SHIFT + CAPITALS

# A step of 19 (coprime to 64) sets alphabetical neighbours apart in both formants.
_SOUND_OF = {symbol: (index * 19) % 64 for index, symbol in enumerate(SYMBOLS)}
_SYMBOL_OF = {sound: symbol for symbol, sound in _SOUND_OF.items()}

# Typographic quotes, dashes and the ellipsis, as the plain characters they stand for.
_PLAIN = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014\u2026", "''\"\"--.")


def spoken_form(text: str) -> str:
    """Return `text` as the voice can say it: known characters, single spaces.

    Accents that have no sound of their own are dropped, other unknown characters too.
    """
    kept = "".join(_sayable(char) for char in unicodedata.normalize("NFC", text).translate(_PLAIN))
    return " ".join(kept.split())


def sounds(word: str) -> list[int]:
    """Return the sounds (0 to 63) of one word of a `spoken_form`."""
    if len(word) > 1 and word.isupper() and word.isalpha():
        return [_SOUND_OF[CAPITALS]] + [_SOUND_OF[char] for char in word.lower()]
    found: list[int] = []
    for char in word:
        if char not in _SOUND_OF:
            found.append(_SOUND_OF[SHIFT])
        found.append(_SOUND_OF[char.lower()])
    return found


def spell(found: Sequence[int]) -> str:
    """Return the word that `sounds` made these sounds from."""
    symbols = [_SYMBOL_OF[sound] for sound in found]
    if symbols and symbols[0] == CAPITALS:
        return _letters(symbols[1:]).upper()
    return _letters(symbols)


def formants(sound: int) -> tuple[int, int]:
    """Return the two frequencies of a sound, in Hz."""
    return F1_HZ[sound // 8], F2_HZ[sound % 8]


def gap_after(word: str) -> float:
    """Return the silence after a word, in seconds: longer after punctuation."""
    last = word.rstrip("\"')")[-1:]
    if last and last in ".?!":
        return SENTENCE_GAP_S
    return CLAUSE_GAP_S if last and last in ",;:" else WORD_GAP_S


def _sayable(char: str) -> str:
    if char.isspace():
        return " "
    if char in (SHIFT, CAPITALS):
        return ""
    if char.lower() in _SOUND_OF:
        return char
    base = unicodedata.normalize("NFKD", char)[:1]
    return base if base.lower() in _SOUND_OF and base not in (SHIFT, CAPITALS) else ""


def _letters(symbols: Sequence[str]) -> str:
    letters: list[str] = []
    raised = False
    for symbol in symbols:
        if symbol not in (SHIFT, CAPITALS):
            letters.append(symbol.upper() if raised else symbol)
        raised = symbol == SHIFT
    return "".join(letters)
