"""The Data pages: what is told before, what is done, and whose it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from conversations.models import Conversation, Erasure, LegalHold
from conversations.retention.due import Policy
from conversations.retention.people import erase
from tests.cast import Cast
from tests.conversations.retention.kept import audited, full_talk, hold, rows_of
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db
DATA = "/admin/conversations/erasure/"
HOLDS = "/admin/conversations/legalhold/"
TALKS = "/admin/conversations/conversation/"


@pytest.fixture
def admin(cast: Cast) -> Client:
    return signed_in(cast.acme.admin)


@pytest.fixture
def talk(cast: Cast) -> Conversation:
    return full_talk(make_agent(cast.acme.tenant), None, days_ago=40, end_user="c-1")


def text_of(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def days_of(tenant: Tenant) -> Policy:
    return Policy.of(Tenant.objects.get(pk=tenant.pk))


def test_what_a_policy_erases_is_told_before_it_is_saved(
    cast: Cast, admin: Client, talk: Conversation
) -> None:
    acme = cast.acme.tenant
    before = days_of(acme)
    asked = {"text": "30", "audio": "30", "events": ""}
    told = text_of(admin.post(f"{DATA}policy/", asked))
    assert "Words of 1 conversation are erased for good" in told
    assert "Sound of 1 conversation" in told
    assert "Events of" not in told
    refused = admin.post(f"{DATA}policy/", asked | {"confirmed": "yes", "typed": "no"})
    assert "Nothing was done." in text_of(refused)
    assert days_of(acme) == before
    admin.post(f"{DATA}policy/", asked | {"confirmed": "yes", "typed": acme.name})
    assert days_of(acme) == Policy(30, 30, None)
    assert audited(acme, "retention.changed")[0].actor == f"user:{cast.acme.admin.pk}"
    assert rows_of(talk)["Turn"] == 2, "it is Celery that erases"


def test_what_is_due_stands_on_the_page(cast: Cast, admin: Client, talk: Conversation) -> None:
    hold(cast.acme.tenant, "end-user", end_user="c-1")
    shown = text_of(admin.get(DATA))
    assert "1 legal hold in force" in shown
    assert "How long things are kept" in shown


def test_without_anything_due_a_click_is_enough(cast: Cast, admin: Client) -> None:
    asked = {"text": "30", "audio": "30", "events": "30"}
    assert "nothing is erased by saving it" in text_of(admin.post(f"{DATA}policy/", asked))
    admin.post(f"{DATA}policy/", asked | {"confirmed": "yes"})
    assert days_of(cast.acme.tenant) == Policy(30, 30, 30)


def test_a_person_is_erased_with_a_report(cast: Cast, admin: Client, talk: Conversation) -> None:
    acme = cast.acme.tenant
    told = text_of(admin.post(f"{DATA}add/", {"whom": "c-1"}))
    assert "1 conversation no longer name" in told
    admin.post(f"{DATA}add/", {"whom": "c-1", "confirmed": "yes", "typed": "c-2"})
    with tenant_scope(acme.pk):
        assert not Erasure.objects.exists()
    answer = admin.post(f"{DATA}add/", {"whom": "c-1", "confirmed": "yes", "typed": "c-1"})
    with tenant_scope(acme.pk):
        erasure = Erasure.objects.get()
    assert answer["Location"] == f"{DATA}{erasure.pk}/change/"
    assert erase(erasure.pk, clock=lambda: timezone.now() + timedelta(minutes=5))
    report = admin.get(f"{DATA}{erasure.pk}/report/")
    assert "1 conversations" in text_of(report)
    assert "c-1" not in text_of(report)
    assert report["Content-Disposition"] == ANY
    assert erasure.fingerprint in text_of(admin.get(answer["Location"]))


def test_who_is_held_is_not_erased(cast: Cast, admin: Client, talk: Conversation) -> None:
    hold(cast.acme.tenant, "end-user", end_user="c-1")
    asked = {"whom": "c-1", "confirmed": "yes", "typed": "c-1"}
    assert "A legal hold covers this" in text_of(admin.post(f"{DATA}add/", asked, follow=True))
    with tenant_scope(cast.acme.tenant.pk):
        assert not Erasure.objects.exists()


def test_a_hold_is_placed_and_lifted(cast: Cast, admin: Client, talk: Conversation) -> None:
    acme, actor = cast.acme.tenant, f"user:{cast.acme.admin.pk}"
    form = {"covers": "person", "whom": cast.acme.member.email, "why": "Case 12"}
    admin.post(f"{HOLDS}add/", form)
    with tenant_scope(acme.pk):
        placed = LegalHold.objects.get()
    assert placed.person == cast.acme.member.pk
    assert cast.acme.member.email in text_of(admin.get(HOLDS))
    assert audited(acme, "legal-hold.placed")[0].actor == actor
    sure = {"confirmed": "yes", "typed": str(placed)}
    admin.post(f"{HOLDS}{placed.pk}/delete/", sure)
    with tenant_scope(acme.pk):
        assert not LegalHold.objects.exists()
    assert audited(acme, "legal-hold.lifted")[0].actor == actor


def test_conversations_are_erased_by_hand(cast: Cast, admin: Client, talk: Conversation) -> None:
    held = full_talk(talk.agent, None, end_user="c-2")
    hold(cast.acme.tenant, "end-user", end_user="c-2")
    chosen = {"action": "erase", "index": "0", "_selected_action": [str(talk.pk), str(held.pk)]}
    assert "Erase for good?" in text_of(admin.post(TALKS, chosen))
    assert rows_of(talk)
    sure = chosen | {"confirmed": "yes", "typed": "2 conversations"}
    answer = text_of(admin.post(TALKS, sure, follow=True))
    assert "A legal hold covers this" in answer
    assert (rows_of(talk), rows_of(held)["Turn"]) == ({}, 2)
