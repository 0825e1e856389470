"""Limits where they are edited: the organisation's page, a member's, an agent's."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from accounts.models import AuditEntry, Tenant, User
from accounts.tenancy import platform_scope
from tests.conversations.quotas.ledger import limit, membership_of, running, used
from tests.conversations.talks import make_agent, signed_in

if TYPE_CHECKING:
    from tests.cast import Cast

pytestmark = pytest.mark.django_db


def tenant_page(tenant: Tenant) -> str:
    return f"/admin/accounts/tenant/{tenant.pk}/change/"


def save(user: User, tenant: Tenant, **fields: Any) -> Any:
    return signed_in(user).post(
        tenant_page(tenant), {"name": "Acme", "slug": tenant.slug, **fields}
    )


def stored(tenant: Tenant) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    row = Tenant.objects.get(pk=tenant.pk)
    return row.limits, row.member_limits, row.plan_limits


def problems(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(re.findall(r"(?s)<ul class=\"errorlist.*?</ul>|text-red.*?</", answer.text))


def test_an_owner_sets_limits_in_the_units_of_people(cast: Cast) -> None:
    answer = save(
        cast.acme.owner,
        cast.acme.tenant,
        limits_sessions="5",
        limits_day_minutes="90",
        limits_month_spend_micros="12.50",
        limits_length_ms="30",
        member_limits_idle_ms="2",
        member_limits_warn_percent="70",
    )
    assert answer.status_code == 302, problems(answer)
    own = {
        "sessions": 5,
        "day_minutes": 90,
        "month_spend_micros": 12_500_000,
        "length_ms": 1_800_000,
    }
    assert stored(cast.acme.tenant) == (own, {"idle_ms": 120_000, "warn_percent": 70}, {})
    page = signed_in(cast.acme.owner).get(tenant_page(cast.acme.tenant)).text
    assert re.search(r'name="limits_month_spend_micros" value="12\.50?"', page)
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="tenant.changed")
    before, after = entry.before or {}, entry.after or {}
    assert (before["limits_sessions"], after["limits_sessions"]) == (None, 5)
    assert Decimal(after["limits_month_spend_micros"]) == Decimal("12.5")
    assert stored(cast.globex.tenant) == ({}, {}, {})


def test_only_operators_change_the_plan(cast: Cast) -> None:
    tenant = cast.acme.tenant
    limit(tenant, "plan_limits", sessions=3)
    save(cast.acme.owner, tenant, plan_limits_sessions="300", limits_sessions="300")
    assert stored(tenant) == ({"sessions": 300}, {}, {"sessions": 3})
    page = signed_in(cast.acme.owner).get(tenant_page(tenant)).text
    field = re.search(r'<input[^>]*name="plan_limits_sessions"[^>]*>', page)
    assert field is not None
    assert "disabled" in field[0]
    save(cast.operator, tenant, plan_limits_sessions="4", limits_sessions="300")
    assert stored(tenant)[2] == {"sessions": 4}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"limits_sessions": "0"}, "greater than or equal to 1"),
        ({"limits_length_ms": "soon"}, "whole number"),
        ({"limits_day_spend_micros": "-1"}, "greater than or equal to 0"),
        ({"limits_message_chars": "9000"}, "less than or equal to 8000"),
        ({"limits_warn_percent": "100"}, "less than or equal to 99"),
        ({"limits_day_minutes": "9", "limits_month_minutes": "8"}, "more than a whole month"),
        ({"limits_day_spend_micros": "9", "limits_month_spend_micros": "8"}, "whole month"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_the_field(
    cast: Cast, fields: dict[str, str], words: str
) -> None:
    answer = save(cast.acme.owner, cast.acme.tenant, **fields)
    assert answer.status_code == 200
    assert words in answer.text
    assert stored(cast.acme.tenant) == ({}, {}, {})


def test_ending_running_conversations_is_agreed_to_first(cast: Cast) -> None:
    tenant = cast.acme.tenant
    running(make_agent(tenant), cast.acme.member, 3)
    running(make_agent(cast.globex.tenant), cast.globex.member, 3)
    asked = save(cast.acme.owner, tenant, limits_sessions="1")
    assert "2 running conversations would end by these limits" in asked.text
    assert re.search(r'<input type="checkbox" name="end_running"', asked.text)
    assert 'name="limits_sessions" value="1"' in asked.text  # what was entered is kept
    assert stored(tenant)[0] == {}
    assert save(cast.acme.owner, tenant, limits_sessions="1", end_running="on").status_code == 302
    assert stored(tenant)[0] == {"sessions": 1}
    # Saving something else asks nothing.
    assert save(cast.acme.owner, tenant, limits_sessions="1", name="Other").status_code == 302


def test_an_agents_limits_and_what_it_used(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    other = make_agent(cast.globex.tenant)
    used(cast.acme.tenant, agent.pk, minutes=34, spent=2)
    running(agent, cast.acme.member, 2)
    address = f"/admin/conversations/agent/{agent.pk}/change/"
    developer = signed_in(cast.acme.developer)
    page = developer.get(address).text
    for sentence in ("Now: 2.", "Used today: 34.", "Spent this month: 2.00."):
        assert sentence in page
    fields = {"slug": "shop", "name": "Shop", "model": "m", "voice": "Kore", "modality": "AUDIO"}
    fields["recording"] = "off"
    assert developer.post(address, {**fields, "limits_day_minutes": "60"}).status_code == 302
    refused = developer.post(f"/admin/conversations/agent/{other.pk}/change/", fields)
    assert refused.status_code == 404
    with platform_scope("test"):
        agent.refresh_from_db()
    assert agent.limits == {"day_minutes": 60}


def test_a_member_can_have_an_exception(cast: Cast) -> None:
    membership = membership_of(cast.acme.member)
    used(cast.acme.tenant, cast.acme.member.pk, minutes=12)
    address = f"/admin/accounts/membership/{membership.pk}/change/"
    admin = signed_in(cast.acme.admin)
    assert "Used this month: 12." in admin.get(address).text
    fields = {"role": "member", "state": "active", "limits_sessions": "2"}
    assert admin.post(address, fields).status_code == 302
    assert membership_of(cast.acme.member).limits == {"sessions": 2}


def test_who_only_looks_sees_no_form(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    page = signed_in(cast.acme.reviewer).get(f"/admin/conversations/agent/{agent.pk}/change/")
    assert page.status_code == 200
    assert "limits_" not in page.text
    answer = signed_in(cast.acme.reviewer).post(
        f"/admin/conversations/agent/{agent.pk}/change/", {"limits_sessions": "1"}
    )
    assert answer.status_code == 403
