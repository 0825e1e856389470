from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from accounts.tenancy import tenant_scope
from conversations.admin.data_forms import NOBODY, HoldForm, PolicyForm, WhomForm
from conversations.models import Conversation
from conversations.retention.due import Policy
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


def test_nothing_is_for_good_and_sound_is_not(settings: Settings) -> None:
    settings.RETENTION_MIN_DAYS = 7
    form = PolicyForm({"text": "", "audio": "30", "events": "7"})
    assert form.is_valid()
    assert form.policy == Policy(None, 30, 7)
    assert set(PolicyForm({"text": "6", "audio": "", "events": "x"}).errors) == {
        "text",
        "audio",
        "events",
    }


@pytest.fixture
def talk(cast: Cast) -> Conversation:
    return make_conversation(make_agent(cast.acme.tenant), cast.acme.member, end_user="c-1")


def held(covers: str, whom: str) -> HoldForm:
    return HoldForm({"covers": covers, "whom": whom, "why": "Case 12"})


def test_a_hold_covers_what_is_there(cast: Cast, talk: Conversation) -> None:
    member = cast.acme.member
    with tenant_scope(cast.acme.tenant.pk):
        for covers, whom in (
            ("tenant", ""),
            ("conversation", str(talk.pk)),
            ("person", member.email),
            ("end-user", "somebody who has not come yet"),
        ):
            form = held(covers, whom)
            assert form.is_valid(), form.errors
            form.instance.placed_by = "system"
            form.instance.save()


def test_what_does_not_fit_is_told(cast: Cast, talk: Conversation) -> None:
    stranger = cast.globex.member.email
    with tenant_scope(cast.acme.tenant.pk):
        for covers, whom in (
            ("tenant", "somebody"),
            ("conversation", "no id"),
            ("conversation", str(cast.globex.tenant.pk)),
            ("person", "c-1"),
            ("person", stranger),
            ("end-user", " "),
        ):
            assert "whom" in held(covers, whom).errors, (covers, whom)


def test_whom_is_somebody_of_the_organisation(cast: Cast, talk: Conversation) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        assert WhomForm({"whom": f" {cast.acme.member.email.upper()} "}).is_valid()
        assert WhomForm({"whom": "c-1"}).is_valid()
        assert WhomForm({"whom": cast.globex.member.email}).errors["whom"] == [NOBODY]
