"""What ends, or goes on, in conversations when something else is ended."""

from uuid import UUID

from django.db.models import QuerySet

from accounts.confirmation import counted, tell_of
from accounts.models import ApiKey, Credential, Membership, Tenant
from conversations.models import Conversation
from conversations.states import ConversationState

NOUN = "live conversation"


@tell_of(Tenant)
def of_tenant(tenant: Tenant) -> str:
    return f"{tenant.name}: ends {counted(_live(tenant).count(), NOUN)}."


@tell_of(Membership)
def of_member(membership: Membership) -> str:
    theirs = _live(membership.tenant_id).filter(user=membership.user_id)
    return f"{membership.user}: ends {counted(theirs.count(), NOUN)}."


@tell_of(ApiKey)
def of_key(key: ApiKey) -> str:
    programs = _live(key.tenant_id).filter(user=None)
    held = counted(programs.count(), NOUN)
    return f"{key.name}: its programs are cut off. All programs together hold {held} now."


@tell_of(Credential)
def of_credential(credential: Credential) -> str:
    live = _live(credential.tenant_id)
    return f"{credential.name}: {counted(live.count(), NOUN)} of the organisation may run on it."


def _live(tenant: Tenant | UUID) -> QuerySet[Conversation]:
    return Conversation.objects.filter(tenant=tenant).exclude(state=ConversationState.ENDED)
