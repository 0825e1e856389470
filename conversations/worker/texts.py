"""Which of the user's texts a host takes: each once, not too long, not too often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil

from conversations import protocol as p
from conversations.quotas.bucket import TokenBucket
from conversations.quotas.rules import Bounds

# Words that wait for the store: beyond this, typed texts are refused until it answers again.
UNSAVED_CHARS = 256 * 1024
# How many of the user's own texts are remembered, to know one that comes twice.
KNOWN_REFS = 200


class TextGate:
    """`known` are the ids of texts that were taken before; `clock` counts seconds."""

    def __init__(self, known: Iterable[str], clock: Callable[[], float]) -> None:
        self._known = dict.fromkeys(known)
        self._clock = clock
        self._bucket: TokenBucket | None = None

    def knows(self, ref: str) -> bool:
        return ref in self._known

    def took(self, ref: str) -> None:
        self._known[ref] = None
        if len(self._known) > KNOWN_REFS:
            del self._known[next(iter(self._known))]

    def refuse(self, text: str, bounds: Bounds, *, unsaved_chars: int) -> p.Error | None:
        """Count a text. Returns why it cannot be taken now, or None."""
        if bounds.message_chars is not None and len(text) > bounds.message_chars:
            return text_too_long(bounds.message_chars)
        if wait_s := self._wait_s(bounds):
            return too_many_texts(wait_s)
        return STORE_BEHIND if unsaved_chars > UNSAVED_CHARS else None

    def _wait_s(self, bounds: Bounds) -> float:
        """Seconds until a text may come, 0 when it may now."""
        if not bounds.messages_per_min:
            self._bucket = None
            return 0.0
        now, burst = self._clock(), float(bounds.messages_per_min)
        if self._bucket is None:
            self._bucket = TokenBucket(per_s=burst / 60, burst=burst, now=now)
        elif self._bucket.burst != burst:
            self._bucket.change(per_s=burst / 60, burst=burst, now=now)
        return self._bucket.take(now)


def text_too_long(chars: int) -> p.Error:
    return p.Error(
        code="text-too-long",
        message=f"A message may have {chars} characters here. Yours was not taken.",
        fix="Make it shorter, or send it in parts.",
    )


def too_many_texts(wait_s: float) -> p.Error:
    seconds = ceil(wait_s)
    return p.Error(
        code="too-many-texts",
        message="Your message was not taken: they come faster than allowed here.",
        fix=f"Send it again in {seconds} s.",
        retry_after_s=seconds,
    )


STORE_BEHIND = p.Error(
    code="store-behind",
    message="Your message was not taken: the store is not answering.",
    fix="Send it again in a minute.",
)
UPSTREAM_BEHIND = p.Error(
    code="upstream-behind",
    message="Your message was not taken: too much is waiting for the model already.",
    fix="Send it again when the connection to the model is back.",
)
