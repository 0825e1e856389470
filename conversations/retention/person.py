"""One person, as a tenant knows her: a member by her account, or a program's user by its id."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.confirmation import counted
from accounts.leaving.models import Archive
from accounts.models import Membership
from conversations.models import (
    AccessToken,
    Conversation,
    Erasure,
    Export,
    LegalHold,
    Recording,
    Turn,
    on_hold,
)
from conversations.states import ConversationState, Speaker


class Nobody(Exception):
    """The tenant knows nobody of this address or id."""


@dataclass(frozen=True, slots=True)
class Person:
    """Either a `user_id` or an `end_user` is there."""

    user_id: UUID | None = None
    end_user: str = ""

    @classmethod
    def of(cls, erasure: Erasure) -> Person:
        return cls(erasure.person, erasure.end_user)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the id, in hexadecimal."""
        return hashlib.sha256((self.end_user or str(self.user_id)).encode()).hexdigest()

    def conversations(self) -> QuerySet[Conversation]:
        """Hers, in the tenant's scope, oldest first."""
        mine = Q(user=self.user_id) if self.user_id else Q(end_user=self.end_user)
        return Conversation.objects.filter(mine).order_by("pk")

    def tokens(self) -> QuerySet[AccessToken]:
        rows = AccessToken.objects.exclude(end_user="")
        return rows.filter(end_user=self.end_user)

    def is_held(self) -> bool:
        """Whether a legal hold covers her, or one of her conversations."""
        by_name = Q(covers=LegalHold.Covers.TENANT)
        if self.user_id:
            by_name |= Q(person=self.user_id)
        else:
            by_name |= Q(covers=LegalHold.Covers.END_USER, end_user=self.end_user)
        if LegalHold.objects.filter(by_name).exists():
            return True
        return self.conversations().filter(on_hold()).exists()


def find(text: str) -> Person:
    """Whom an address of a member, or a program's own id of its user, is of. In the tenant's
    scope. Raises Nobody."""
    text = text.strip()
    of_it = Membership.objects.filter(user__email__iexact=text)
    user_id: UUID | None = of_it.values_list("user_id", flat=True).first()
    if user_id is not None:
        return Person(user_id=user_id)
    person = Person(end_user=text)
    if text and (person.conversations().exists() or person.tokens().exists()):
        return person
    raise Nobody(text)


def names_of(conversation: Conversation) -> list[str]:
    """What the person of a conversation is called."""
    user: Any = conversation.user
    names = [conversation.end_user, conversation.end_user_name]
    return [*names, *((user.email, user.name) if user else ())]


def effects(person: Person) -> list[str]:
    """What erasing her does, as sentences with counts. In the tenant's scope."""
    theirs = person.conversations()
    turns = Turn.objects.filter(conversation__in=theirs.values("pk"))
    spoken = turns.filter(speaker=Speaker.USER).count()
    pieces = Recording.objects.filter(conversation__in=theirs.values("pk")).count()
    running = theirs.exclude(state=ConversationState.ENDED).count()
    copies = Export.objects.filter(state__in=(*Export.OPEN, Export.State.READY)).count()
    archives = Archive.objects.filter(state=Archive.State.READY).count()
    told = [
        f"{counted(theirs.count(), 'conversation')} no longer name anybody.",
        (
            f"{counted(spoken, 'turn')} of this person, {counted(pieces, 'piece')} of recordings, "
            "and all notes, events and tool calls of these conversations are deleted."
        ),
        (
            f"{counted(turns.count() - spoken, 'turn')} of others in them stay, without the names, "
            "addresses and numbers that can be found. Read them, and erase what should go as well."
        ),
        (
            f"{counted(copies, 'export')} and {counted(archives, 'archive')} of the organisation, "
            "in which this person may be, are deleted. Make them again afterwards."
        ),
        "What was used stays as numbers that name nobody.",
    ]
    if running:
        told.insert(0, f"{counted(running, 'live conversation')} ends at once.")
    if person.user_id:
        told.append("The membership ends; the account is deleted unless it is in use elsewhere.")
    else:
        told.append(f"{counted(person.tokens().count(), 'token')} of this person end.")
    return told
