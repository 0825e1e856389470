"""Who is in a conversation: one socket owns it, the others look on. Pure.

The owner is heard: its microphone, its texts, its end. Observers only receive. Whoever takes
a conversation has it at once; who merely comes (back) does not take it from another page.

A page without a socket gets its events by one request and says each thing by another one: these
speak for it, and are heard while its page owns the conversation, or nobody does.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from conversations.protocol import Role
from conversations.streams import Way

Guest = TypeVar("Guest")

# Each observer costs the host what an owner costs in sending: as many as a team is, no more.
MAX_OBSERVERS: Final = 8


class TooManyObservers(Exception):
    """The conversation has as many observers, or speakers, as it may."""


class Presence(Generic[Guest]):
    """`Guest` is whatever stands for a socket; it is only compared and handed back."""

    def __init__(self) -> None:
        self.owner: Guest | None = None
        self.observers: set[Guest] = set()
        self.speakers: dict[Guest, str] = {}
        self._pages: dict[Guest, str] = {}

    def come(self, guest: Guest, page: str, mode: Way) -> list[Guest]:
        """Let a page's socket in. Returns who has to go for it: an older socket of the same
        page, or the owner that it takes over from. Raises TooManyObservers."""
        if mode == "speak":
            self._let_speak(guest, page)
            return []
        gone = [other for other, its_page in self._pages.items() if its_page == page]
        owned_by_others = self.owner is not None and self.owner not in gone
        if mode == "take" or (mode == "join" and not owned_by_others):
            if self.owner is not None and owned_by_others:
                gone.append(self.owner)
            self._forget(gone)
            self.owner = guest
        else:
            if len(self.observers - set(gone)) >= MAX_OBSERVERS:
                raise TooManyObservers
            self._forget(gone)
            self.observers.add(guest)
        self._pages[guest] = page
        return gone

    def go(self, guest: Guest) -> bool:
        """Let a socket out. Returns whether it was the owner's."""
        was_owner = guest == self.owner
        self._forget([guest])
        return was_owner

    def hears(self, guest: Guest) -> bool:
        """Whether what it says counts."""
        if guest not in self.speakers:
            return guest == self.owner
        return self.owner is None or self._pages[self.owner] == self.speakers[guest]

    def role_of(self, guest: Guest) -> Role:
        return "owner" if self.hears(guest) else "observer"

    def _let_speak(self, guest: Guest, page: str) -> None:
        if len(self.speakers) >= MAX_OBSERVERS:
            raise TooManyObservers
        self.speakers[guest] = page

    def _forget(self, guests: list[Guest]) -> None:
        for guest in guests:
            self._pages.pop(guest, None)
            self.observers.discard(guest)
            self.speakers.pop(guest, None)
            if guest == self.owner:
                self.owner = None
