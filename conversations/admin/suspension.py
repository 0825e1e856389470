"""What suspending a tenant ends."""

from accounts.admin.effects import tell_of_suspension
from accounts.models import Tenant
from conversations.models import Conversation
from conversations.states import ConversationState


@tell_of_suspension
def live_conversations(tenant: Tenant) -> str:
    """How many conversations of the tenant have not ended."""
    running = Conversation.objects.filter(tenant=tenant).exclude(state=ConversationState.ENDED)
    count = running.count()
    noun = "live conversation" if count == 1 else "live conversations"
    return f"{tenant.name}: ends {count} {noun}."
