"""Code execution: sums are not guessed, a program works them out."""

import operator
import re
from collections.abc import Callable

from live.simulator.skills.asked import Asked, words_of
from live.simulator.skills.backed import Backed
from live.simulator.skills.numbers import numbers_in

_OPERATORS: dict[str, tuple[str, Callable[[int, int], float]]] = {
    "plus": ("+", operator.add),
    "minus": ("-", operator.sub),
    "times": ("*", operator.mul),
    "divided by": ("/", operator.truediv),
}
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "x": "times", "/": "divided by"}
_SIGN = re.compile(r"(?<=\d)\s*([-+*/x])\s*(?=\d)", re.IGNORECASE)
_NAME = re.compile(rf"\b({'|'.join(_OPERATORS)})\b", re.IGNORECASE)


def work_out(asked: Asked) -> Backed | None:
    """Answer a sum of two whole numbers, in digits or in words up to a hundred."""
    text = _SIGN.sub(lambda sign: f" {_SIGNS[sign[1].lower()]} ", asked.text)
    named = _NAME.search(text)
    if not named:
        return None
    before, after = (numbers_in(words_of(side)) for side in _sides(text, named))
    if not before or not after:
        return None
    left, right = before[-1], after[0]
    sign, work = _OPERATORS[named[1].lower()]
    code = f"print({left} {sign} {right})"
    if sign == "/" and right == 0:
        failure = "ZeroDivisionError: division by zero"
        return _ran(code, f"{failure}\n", "Nothing can be divided by zero.", ok=False)
    result = work(left, right)
    said = f"{left} {named[1].lower()} {right} is {result:.12g}."
    return _ran(code, f"{result}\n", said, ok=True)


def _sides(text: str, named: re.Match[str]) -> tuple[str, str]:
    return text[: named.start()], text[named.end() :]


def _ran(code: str, output: str, said: str, *, ok: bool) -> Backed:
    outcome = "OUTCOME_OK" if ok else "OUTCOME_FAILED"
    return Backed(
        said,
        parts=(
            {"executableCode": {"language": "PYTHON", "code": code}},
            {"codeExecutionResult": {"outcome": outcome, "output": output}},
        ),
    )
