"""E-mails to a tenant's own people: what somebody with a certain right has to know.

A letter is posted by a background task after the commit, one task a reader, so that a mail
server that is slow or down holds up nobody, and a retry reaches only who has not got it yet.
What a letter tells stands on a page too: without a mail server nothing is sent.
"""

from functools import partial
from smtplib import SMTPException
from typing import Any
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import Membership, Tenant
from accounts.roles import Permission, roles_with
from accounts.tenancy import platform_scope

# About six hours in all, each pause twice the one before and at most an hour.
_TRIES = 14
_LONGEST_PAUSE_S = 3600


def write_to_staff(
    tenant_id: UUID, permission: Permission, name: str, context: dict[str, Any]
) -> int:
    """Post the letter `accounts/letters/<name>.txt` to every active member of a tenant whose role
    has `permission`. Its first line is the subject; `tenant` and `public_url` stand in its
    context. Returns how many will get it: 0 where there is no mail server.

    Nobody but its readers may know what a letter tells, and no secret may stand in it.
    """
    if not settings.EMAIL_URL:
        return 0
    with platform_scope("who gets a letter"):
        tenant = Tenant.objects.get(pk=tenant_id)
        readers = _readers(tenant_id, permission)
    subject, text = rendered(name, context | {"tenant": tenant})
    for address in readers:
        post = partial(post_letter.delay, subject, text, address)
        transaction.on_commit(post, robust=True)
    return len(readers)


@shared_task(
    autoretry_for=(OSError, SMTPException),
    max_retries=_TRIES,
    retry_backoff=True,
    retry_backoff_max=_LONGEST_PAUSE_S,
)
def post_letter(subject: str, text: str, address: str) -> None:
    """Hand one letter to the mail server, again and again while that does not take it."""
    send_mail(subject, text, None, [address])


def rendered(name: str, context: dict[str, Any]) -> tuple[str, str]:
    """The subject and the text of the letter `accounts/letters/<name>.txt`."""
    context = context | {"public_url": settings.PUBLIC_URL}
    subject, _, text = render_to_string(f"accounts/letters/{name}.txt", context).partition("\n")
    return subject.strip(), text.strip() + "\n"


def _readers(tenant_id: UUID, permission: Permission) -> list[str]:
    rows = Membership.objects.filter(
        tenant=tenant_id,
        state=Membership.State.ACTIVE,
        role__in=roles_with(permission),
        user__is_active=True,
    )
    return list(rows.order_by("user__email").values_list("user__email", flat=True))
