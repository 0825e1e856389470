"""Which conversations run on a credential: a key is not deleted under a session."""

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db.models import Count
from django.db.models.functions import Now

from accounts.rotation.sessions import counts_sessions
from conversations.models import Lease


@counts_sessions
def conversations_on(credential_ids: Collection[UUID]) -> Mapping[UUID, int]:
    """How many conversations of the scope a living worker holds on each of these credentials."""
    held = Lease.objects.filter(credential__in=credential_ids, expires_at__gt=Now())
    counted = held.order_by().values("credential").annotate(sessions=Count("pk"))
    return dict(counted.values_list("credential", "sessions"))
