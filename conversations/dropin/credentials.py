"""Where the official SDKs put a credential. Pure.

| who | where |
|---|---|
| Python, a key | `x-goog-api-key` |
| Python, a token | `Authorization: Token …`, and `x-goog-api-key` |
| Python on Vertex AI | `Authorization: Bearer …` |
| JavaScript | `?key=`, `?access_token=` for a token |

A query is theirs to send: no log of ours shows one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs

TOKEN_PREFIX: Final = "auth_tokens/"  # noqa: S105 - what a token begins with
_SCHEMES: Final = frozenset({"bearer", "token"})


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request shows, in the order in which it counts, each text once.

    `as_key`: whether nothing but API keys was shown, which is what a refusal depends on.
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    as_key: bool = True


def presented(query: str, headers: Mapping[str, str]) -> Presented:
    """`headers` by their names in lower case. Who sends a bearer over an SDK has to send some
    key as well, so the bearer counts first."""
    asked = parse_qs(query)
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    bearer = credential.strip() if scheme.lower() in _SCHEMES else ""
    bearers = [bearer, *asked.get("access_token", [])]
    keys = [headers.get("x-goog-api-key", ""), *asked.get("key", [])]
    texts = tuple(dict.fromkeys(text for text in (*bearers, *keys) if text))
    is_token = any(text.startswith(TOKEN_PREFIX) for text in texts)
    return Presented(texts, as_key=not any(bearers) and not is_token)
