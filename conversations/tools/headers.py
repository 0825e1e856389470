"""The headers that somebody wants to be sent along, as they are typed. Pure."""

from __future__ import annotations

import re

MOST_HEADERS = 20
MOST_CHARACTERS = 8_000
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
# What we write ourselves, and what says where a request begins and ends.
_OURS = frozenset(
    "host content-length content-type transfer-encoding connection accept accept-encoding "
    "te trailer upgrade expect keep-alive proxy-connection idempotency-key "
    "webhook-id webhook-timestamp webhook-signature parley-tool parley-conversation "
    "mcp-session-id mcp-protocol-version".split()
)


def read_headers(text: str) -> tuple[dict[str, str], str]:
    """The headers in a text with one in each line, and what is wrong with it, or "".

    What is wrong names the line and never what stands in it.
    """
    if len(text) > MOST_CHARACTERS:
        return {}, f"At most {MOST_CHARACTERS:,} characters."
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        fault = _fault(name.strip(), colon, value.strip(), found)
        if fault:
            return {}, f"Line {number}: {fault}"
        found[name.strip()] = value.strip()
    return (found, "") if len(found) <= MOST_HEADERS else ({}, f"At most {MOST_HEADERS} headers.")


def _fault(name: str, colon: str, value: str, before: dict[str, str]) -> str:
    if not colon or not _NAME.fullmatch(name):
        return "a header is a name, a colon and a value."
    if name.lower() in _OURS:
        return f"{name} is set by Parley."
    if name.lower() in {each.lower() for each in before}:
        return f"{name} stands there twice."
    if not value.isascii() or not value.isprintable() or not value:
        return f"the value of {name} is empty, or holds what no header may hold."
    return ""
