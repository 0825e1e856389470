from typing import Any

import pytest
from django.db import IntegrityError, transaction

from accounts.leaving.departures import Barred, ask_to_leave
from accounts.leaving.erasure import claim
from accounts.models import Tenant
from accounts.tenancy import platform_scope, tenant_scope
from conversations.models import Agent, Conversation, LegalHold, on_hold
from conversations.retention.holds import lift_hold
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.retention.kept import audited, hold
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


def held(tenant: Tenant) -> set[Any]:
    with tenant_scope(tenant.pk):
        return set(Conversation.objects.filter(on_hold()).values_list("pk", flat=True))


def test_a_hold_covers_what_it_names_in_its_own_organisation(cast: Cast, agent: Agent) -> None:
    acme, globex = cast.acme.tenant, cast.globex.tenant
    of_member = make_conversation(agent, cast.acme.member)
    of_user = make_conversation(agent, None, end_user="c-1")
    of_nobody = make_conversation(agent, None)
    theirs = make_conversation(make_agent(globex), None, end_user="c-1")
    cases: list[tuple[str, dict[str, Any], set[Any]]] = [
        ("conversation", {"conversation": of_nobody}, {of_nobody.pk}),
        ("person", {"person": cast.acme.member.pk}, {of_member.pk}),
        ("end-user", {"end_user": "c-1"}, {of_user.pk}),
        ("tenant", {}, {of_member.pk, of_user.pk, of_nobody.pk}),
    ]
    for covers, of, expected in cases:
        row = hold(acme, covers, **of)
        assert held(acme) == expected, covers
        assert held(globex) == set()
        with tenant_scope(acme.pk):
            lift_hold(row, actor="system")
        assert held(acme) == set()
    hold(globex)
    assert (held(acme), held(globex)) == (set(), {theirs.pk})
    placed, lifted = audited(acme, "legal-hold.placed"), audited(acme, "legal-hold.lifted")
    assert [entry.after and entry.after["covers"] for entry in placed] == [
        case[0] for case in cases
    ]
    assert len(lifted) == 4
    # The audit is never changed, so it does not learn what a program calls its user.
    assert all("c-1" not in str(entry.after) for entry in placed)


def test_a_hold_names_exactly_one_thing(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk), pytest.raises(IntegrityError), transaction.atomic():
        LegalHold.objects.create(covers="end-user", why="-", placed_by="system")


def test_an_organisation_with_a_hold_is_not_deleted(cast: Cast, clock: Clock) -> None:
    acme = cast.acme.tenant
    row = hold(acme)
    with pytest.raises(Barred, match="legal hold"):
        ask_to_leave(acme.pk, "system", clock.now)
    with tenant_scope(acme.pk):
        lift_hold(row, actor="system")
    departure = ask_to_leave(acme.pk, "system", clock.now)
    late = hold(acme)  # one that comes in the grace time counts as well
    clock.pass_by(days=15)
    assert claim(departure.pk, clock.now) is None
    with platform_scope("test"):
        assert Tenant.objects.get(pk=acme.pk).state == Tenant.State.LEAVING
    with tenant_scope(acme.pk):
        lift_hold(late, actor="system")
    assert claim(departure.pk, clock.now) is not None
