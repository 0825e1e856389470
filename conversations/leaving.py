"""What is taken along of the tables of `conversations` when a tenant leaves."""

from accounts.leaving.decisions import leave_out, take
from conversations.models import (
    Agent,
    BudgetNotice,
    Conversation,
    Event,
    Lease,
    Turn,
    Usage,
    UsageDay,
)

_AMOUNTS = (
    *("text_in", "audio_in", "image_in", "video_in", "other_in"),
    *("text_out", "audio_out", "other_out"),
    *("unpriced_tokens", "cost_micros", "currency", "talked_ms"),
)

take(BudgetNotice, "id", "tenant_id", "subject", "kind", "since", "is_hard", "created_at")
take(UsageDay, "id", "tenant_id", "whose", "subject", "day", *_AMOUNTS)
take(Usage, "id", "tenant_id", "conversation_id", "epoch", "number", "day", "model", *_AMOUNTS)
take(
    Turn,
    *("id", "tenant_id", "conversation_id", "epoch", "first_seq", "last_seq", "speaker", "state"),
    *("text", "ref", "start_ms", "end_ms"),
)
take(Event, "id", "tenant_id", "conversation_id", "epoch", "seq", "kind", "ms", "data")
leave_out(Lease, "Which worker hosts a conversation now. It holds a secret of Google's, sealed.")
take(
    Conversation,
    *("id", "tenant_id", "agent_id", "user_id", "state", "started_at", "ended_at", "end_reason"),
    *("stop_reason", "first_words", "last_epoch", "last_seq"),
    noun=("conversation", "conversations"),
)
take(
    Agent,
    *("id", "tenant_id", "slug", "name", "description", "prompt", "model", "voice", "modality"),
    *("limits", "created_at"),
    noun=("agent", "agents"),
)
