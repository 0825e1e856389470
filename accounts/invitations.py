"""Invitations: a link by which one person joins one tenant, once, within a week.

Only a hash of the link's token is stored. Where there is a mail server the person gets the link
by e-mail; otherwise whoever invites her sees it once, and passes it on.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.audit import record
from accounts.models import Invitation, Membership, Tenant, User, UserManager
from accounts.roles import Role
from accounts.tenancy import platform_scope, tenant_scope

LIFETIME = timedelta(days=7)
_TOKEN = re.compile(r"[0-9a-f]{64}")


class AlreadyMember(Exception):
    """The person is an active member already: her role is changed in the list of members."""

    code = "already-member"


class NotOpen(Exception):
    """The invitation was used, revoked or has expired since it was looked up."""

    code = "invitation-not-open"


def open_invitations(now: datetime | None = None) -> QuerySet[Invitation]:
    """The current tenant's invitations that can still be accepted, newest first."""
    rows = Invitation.objects.filter(accepted_at=None, revoked_at=None)
    return rows.filter(expires_at__gt=now or timezone.now()).order_by("-id")


def invite(
    tenant: Tenant,
    email: str,
    role: Role,
    *,
    actor: str,
    created_by: User | None = None,
    now: datetime | None = None,
) -> tuple[Invitation, str]:
    """Invite a person. Returns the row, and the link, which is known to nobody else from now
    on. An earlier open invitation of the same person is revoked.

    Raises:
        AlreadyMember: she is an active member.
    """
    now = now or timezone.now()
    email = UserManager.normalize_email(email)
    token = secrets.token_hex(32)
    with tenant_scope(tenant.pk), transaction.atomic():
        active = Membership.objects.filter(state=Membership.State.ACTIVE)
        if active.filter(user__email=email).exists():
            raise AlreadyMember
        earlier = Invitation.objects.filter(email=email, accepted_at=None, revoked_at=None)
        earlier.update(revoked_at=now)
        invitation = Invitation.objects.create(
            email=email,
            role=role,
            hash=_hash(token),
            created_at=now,
            created_by=created_by,
            expires_at=now + LIFETIME,
        )
        record("invitation.created", invitation, actor=actor, after={"role": str(role)})
    return invitation, link(token)


def link(token: str) -> str:
    """The token stands in the query, which no log keeps."""
    return f"{settings.PUBLIC_URL}{reverse('invitation')}?{urlencode({'key': token})}"


def send(invitation: Invitation, link: str, inviter: str) -> bool:
    """Mail the link to the invited person. False where there is no mail server."""
    if not settings.EMAIL_URL:
        return False
    context = {"invitation": invitation, "link": link, "inviter": inviter}
    send_mail(
        f"Join {invitation.tenant.name} on Parley",
        render_to_string("account/email/invitation.txt", context),
        None,
        [invitation.email],
    )
    return True


def is_token(text: str) -> bool:
    """Whether `text` has the form of an invitation's token."""
    return _TOKEN.fullmatch(text) is not None


def find_invitation(token: str, *, now: datetime | None = None) -> Invitation | None:
    """The open invitation of a token, with its tenant loaded; None for any other text."""
    if not is_token(token):
        return None
    with platform_scope("look up an invitation"):
        rows = Invitation.objects.select_related("tenant", "created_by")
        invitation = rows.filter(hash=_hash(token)).first()
    if invitation is None or not invitation.is_open(now or timezone.now()):
        return None
    return invitation


def revoke(invitation_id: UUID, *, actor: str, now: datetime | None = None) -> None:
    """Make an invitation of the current tenant useless. Raises Invitation.DoesNotExist."""
    with transaction.atomic():
        invitation = Invitation.objects.select_for_update().get(pk=invitation_id)
        if invitation.accepted_at is None and invitation.revoked_at is None:
            invitation.revoked_at = now or timezone.now()
            invitation.save(update_fields=["revoked_at"])
            record("invitation.revoked", invitation, actor=actor)


def accept(invitation: Invitation, user: User, *, now: datetime | None = None) -> Membership:
    """Make `user` a member as invited. A disabled member is let in again.

    Raises:
        NotOpen: somebody was faster, or time was.
    """
    now = now or timezone.now()
    with platform_scope("join another tenant"), tenant_scope(invitation.tenant_id):
        return _accept(invitation, user, now)


@transaction.atomic
def _accept(invitation: Invitation, user: User, now: datetime) -> Membership:
    still_open = Invitation.objects.filter(
        pk=invitation.pk, accepted_at=None, revoked_at=None, expires_at__gt=now
    )
    if not still_open.update(accepted_at=now):
        raise NotOpen
    membership, created = Membership.objects.get_or_create(
        user=user, tenant_id=invitation.tenant_id, defaults={"role": invitation.role}
    )
    if not created:
        _let_in_again(membership, invitation)
    record(
        "invitation.accepted",
        invitation,
        actor=f"user:{user.pk}",
        after={"role": membership.role},
    )
    return membership


def join_as_new_user(
    invitation: Invitation, name: str, password: str, *, now: datetime | None = None
) -> User:
    """Make the account of an invited person and accept for them. Raises NotOpen."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(invitation.email, password, name=name)
            accept(invitation, user, now=now)
    except IntegrityError:  # the form was sent twice
        raise NotOpen from None
    return user


def _let_in_again(membership: Membership, invitation: Invitation) -> None:
    """Who is active by now keeps the role she has."""
    if membership.state == Membership.State.DISABLED:
        membership.state = Membership.State.ACTIVE
        membership.role = invitation.role
        membership.save(update_fields=["state", "role"])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
