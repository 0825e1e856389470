"""What other parts of the program are told: that somebody's access has ended, or that a
credential has stopped working.

The end of access is in the database first; the signal, sent after the commit, only makes others
look sooner. Rows that change by `QuerySet.update` send nothing by themselves: whoever does that
calls `end_access`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import Signal, receiver

from accounts.models import ApiKey, Credential, Membership, Tenant, User
from accounts.sign_in import forget_other_addresses

# Sent with `ended`, an AccessEnded, after the commit.
access_ended = Signal()
# Sent with `credential`, in the transaction in which its row says so: what is written of it is
# written with it.
credential_failed = Signal()

_WORKS_NOT = frozenset({Credential.State.FAILING, Credential.State.UNDECRYPTABLE})


def tell_if_failed(credential: Credential, before: str) -> None:
    """Tell of a credential, whose row was stored just now, unless it did not work before or still
    works; `before` was its state."""
    if credential.state in _WORKS_NOT and before not in _WORKS_NOT:
        credential_failed.send(Credential, credential=credential)


@dataclass(frozen=True, slots=True)
class AccessEnded:
    """Whose access ended: all of a tenant's, a person's in a tenant or everywhere, a key's.

    With only `user_id` it may be one of her browser sessions or all of them.
    """

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    api_key_id: UUID | None = None


def end_access(ended: AccessEnded) -> None:
    """Tell everybody once the current transaction is committed."""
    transaction.on_commit(partial(access_ended.send_robust, AccessEnded, ended=ended))


@receiver(post_save, sender=Tenant)
def _tenant_saved(instance: Tenant, **_: Any) -> None:
    if not instance.is_active:
        end_access(AccessEnded(tenant_id=instance.pk))


@receiver(post_save, sender=Membership)
def _membership_saved(instance: Membership, created: bool, **_: Any) -> None:
    # A role that became smaller ends what only the larger one allowed.
    if not created:
        end_access(AccessEnded(tenant_id=instance.tenant_id, user_id=instance.user_id))


@receiver(post_delete, sender=Membership)
def _membership_deleted(instance: Membership, **_: Any) -> None:
    end_access(AccessEnded(tenant_id=instance.tenant_id, user_id=instance.user_id))


@receiver(post_save, sender=ApiKey)
def _key_saved(instance: ApiKey, **_: Any) -> None:
    if instance.revoked_at is not None:
        end_access(AccessEnded(tenant_id=instance.tenant_id, api_key_id=instance.pk))


@receiver(post_save, sender=User)
def _user_saved(instance: User, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    if update_fields is not None and not {"email", "is_active"} & update_fields:
        return  # such as last_login
    forget_other_addresses(instance)
    if not instance.is_active:
        end_access(AccessEnded(user_id=instance.pk))


@receiver(user_logged_out)
def _logged_out(user: User | None, **_: Any) -> None:
    if user is not None:
        end_access(AccessEnded(user_id=user.pk))
