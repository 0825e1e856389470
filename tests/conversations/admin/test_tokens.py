"""Tokens in the admin: shown without their secret, and revoked."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.callers import Caller, EndUser
from accounts.confirmation import word_for
from accounts.limits import Limits
from accounts.models import AuditEntry
from accounts.tenancy import platform_scope, tenant_scope
from conversations.access_tokens import Wanted, caller_from_access_token, mint
from conversations.models import AccessToken
from tests.cast import Cast
from tests.conversations.talks import make_agent, signed_in

pytestmark = pytest.mark.django_db
ROOT = "/admin/conversations/accesstoken/"


@pytest.fixture
def developer(cast: Cast) -> Client:
    return signed_in(cast.acme.developer)


def revoked(client: Client, token: AccessToken, *, yes: bool = True) -> str:
    fields = {"action": "revoke", "_selected_action": [str(token.pk)], "index": "0"}
    answered = {"confirmed": "yes", "typed": word_for([token])} if yes else {}
    return client.post(ROOT, {**fields, **answered}, follow=True).text


def minted(cast: Cast) -> tuple[AccessToken, str]:
    tenant_id = cast.acme.tenant.pk
    wanted = Wanted(
        agent=make_agent(cast.acme.tenant),
        end_user=EndUser("u-17", "Ada"),
        limits=Limits(length_ms=90_000, total_spend_micros=2_500_000),
        field_mask=["tools"],
    )
    with tenant_scope(tenant_id):
        return mint(Caller(tenant_id, api_key_id=tenant_id), wanted, timezone.now())


def test_what_is_shown_of_a_token(cast: Cast, developer: Client) -> None:
    token, text = minted(cast)
    for client in (developer, signed_in(cast.operator)):
        listed = client.get(ROOT).text
        page = client.get(f"{ROOT}{token.pk}/change/").text
        for shown in ("Ada", "Active", "0 of 1", f"prl_{token.prefix}_…{token.last_four}"):
            assert shown.removeprefix("auth_tokens/") in listed
            assert shown in page
        assert "1.5 min" in page
        assert "2.50" in page
        assert text.rpartition("_")[2] not in listed + page
        assert token.hash not in listed + page
        assert 'name="_save"' not in page


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"used": 1}, "Used up"),
        ({"uses": 0}, "0 of any number"),
        ({"new_session_expires_at": timedelta(0)}, "Begins nothing more"),
        ({"expires_at": timedelta(0)}, "Expired"),
        ({"revoked_at": timedelta(0)}, "Revoked"),
        ({"kind": "google"}, "Google&#x27;s"),
    ],
)
def test_the_state_of_a_token(
    cast: Cast, developer: Client, fields: dict[str, object], state: str
) -> None:
    token, _ = minted(cast)
    now = timezone.now()
    set_to = {k: now + v if isinstance(v, timedelta) else v for k, v in fields.items()}
    with platform_scope("test"):
        AccessToken.objects.filter(pk=token.pk).update(**set_to)
    assert state in developer.get(ROOT).text


def test_revoking_asks_first(cast: Cast, developer: Client) -> None:
    token, text = minted(cast)
    assert "let go within two seconds" in revoked(developer, token, yes=False)
    assert caller_from_access_token(text) is not None
    assert "Revoked: 1." in revoked(developer, token)
    assert caller_from_access_token(text) is None
    with platform_scope("test"):
        entry = AuditEntry.objects.get(action="access-token.revoked")
    assert entry.actor == f"user:{cast.acme.developer.pk}"


def test_it_is_found_by_its_prefix_and_by_its_user(cast: Cast, developer: Client) -> None:
    token, _ = minted(cast)
    for found in (token.prefix, "u-17"):
        assert "Ada" in developer.get(f"{ROOT}?q={found}").text
    assert "Ada" not in developer.get(f"{ROOT}?q=u-18").text
