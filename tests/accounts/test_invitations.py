from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from pytest_django.fixtures import Settings

from accounts.invitations import (
    LIFETIME,
    AlreadyMember,
    NotOpen,
    accept,
    find_invitation,
    invite,
    is_token,
    join_as_new_user,
    open_invitations,
    revoke,
    send,
)
from accounts.models import AuditEntry, Invitation, Membership, User
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope
from tests.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["key"][0]


def ask(cast: Cast, email: str = "new@example.com", role: Role = Role.REVIEWER) -> str:
    """The token of a new invitation to Acme."""
    actor = f"user:{cast.acme.owner.pk}"
    _, link = invite(cast.acme.tenant, email, role, actor=actor, now=NOW)
    return token_of(link)


def found(token: str, now: datetime = NOW) -> Invitation:
    invitation = find_invitation(token, now=now)
    assert invitation is not None
    return invitation


def test_only_a_hash_is_stored(cast: Cast) -> None:
    token = ask(cast, "New@Example.com")
    with platform_scope("test"):
        stored = str(list(Invitation.objects.values()) + list(AuditEntry.objects.values()))
    assert token not in stored
    assert found(token).email == "new@example.com"


@pytest.mark.parametrize("token", ["", "x", "0" * 64, "é" * 64])
def test_other_texts_open_nothing(cast: Cast, token: str) -> None:
    assert is_token(ask(cast))
    assert is_token(token) == (token == "0" * 64)
    assert find_invitation(token, now=NOW) is None


def test_it_lasts_a_week(cast: Cast) -> None:
    token = ask(cast)
    late = NOW + LIFETIME
    assert find_invitation(token, now=late - timedelta(seconds=1))
    assert find_invitation(token, now=late) is None
    with pytest.raises(NotOpen):
        accept(found(token), cast.stranger, now=late)


def test_it_is_good_once(cast: Cast) -> None:
    invitation = found(ask(cast))
    membership = accept(invitation, cast.stranger, now=NOW)
    assert (membership.tenant, membership.role) == (cast.acme.tenant, Role.REVIEWER)
    with pytest.raises(NotOpen):
        accept(invitation, cast.stranger, now=NOW)
    with tenant_scope(cast.acme.tenant.pk):
        entry = AuditEntry.objects.get(action="invitation.accepted")
        assert entry.actor == f"user:{cast.stranger.pk}"
        assert not open_invitations(NOW).exists()


def test_a_revoked_one_opens_nothing(cast: Cast) -> None:
    token = ask(cast)
    with tenant_scope(cast.acme.tenant.pk):
        revoke(found(token).pk, actor="system", now=NOW)
        revoke(Invitation.objects.get().pk, actor="system", now=NOW)
        assert AuditEntry.objects.filter(action="invitation.revoked").count() == 1
    assert find_invitation(token, now=NOW) is None


def test_another_tenant_revokes_nothing(cast: Cast) -> None:
    token = ask(cast)
    pk = found(token).pk
    with tenant_scope(cast.globex.tenant.pk), pytest.raises(Invitation.DoesNotExist):
        revoke(pk, actor="system")
    assert find_invitation(token, now=NOW)


def test_inviting_again_replaces_the_link(cast: Cast) -> None:
    first, second = ask(cast), ask(cast, role=Role.ADMIN)
    assert find_invitation(first, now=NOW) is None
    assert found(second).role == Role.ADMIN


def test_members_are_not_invited(cast: Cast) -> None:
    with pytest.raises(AlreadyMember):
        ask(cast, "Member@acme.example")
    assert ask(cast, "member@globex.example")


def test_a_disabled_member_is_let_in_again(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        Membership.objects.filter(user=cast.acme.member).update(state="disabled")
    membership = accept(found(ask(cast, "member@acme.example")), cast.acme.member, now=NOW)
    assert (membership.state, membership.role) == ("active", Role.REVIEWER)


def test_a_new_person_gets_an_account(cast: Cast) -> None:
    invitation = found(ask(cast))
    user = join_as_new_user(invitation, "Nora", PASSWORD, now=NOW)
    assert (user.email, user.name, user.check_password(PASSWORD)) == (
        "new@example.com",
        "Nora",
        True,
    )
    invitation.email = "other@example.com"
    with pytest.raises(NotOpen):
        join_as_new_user(invitation, "Nora", PASSWORD, now=NOW)
    assert not User.objects.filter(email="other@example.com").exists()


def test_mail_is_sent_where_there_is_a_server(cast: Cast, settings: Settings) -> None:
    invitation, link = invite(cast.acme.tenant, "new@example.com", Role.MEMBER, actor="system")
    assert not send(invitation, link, "Olivia")
    assert mail.outbox == []
    settings.EMAIL_URL = "smtp://mail.example"
    assert send(invitation, link, "Olivia <&>")
    (message,) = mail.outbox
    assert message.to == ["new@example.com"]
    assert message.subject == "Join Acme on Parley"
    assert link in message.body
    assert "Olivia <&> invites you" in message.body
