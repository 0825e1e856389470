"""What is taken along of the tables of `conversations` when a tenant leaves."""

from accounts.leaving.decisions import leave_out, take
from conversations.models import (
    AccessToken,
    Agent,
    AgentTool,
    AgentVersion,
    AllowedHost,
    BudgetNotice,
    Consent,
    Conversation,
    Erasure,
    Event,
    Export,
    ExportPart,
    ExportSchedule,
    Lease,
    LegalHold,
    Note,
    Recording,
    Tag,
    ToolCall,
    ToolServer,
    Turn,
    Usage,
    UsageDay,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
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
    Note,
    *("id", "tenant_id", "conversation_id", "turn_id", "text", "written_by", "created_at"),
    *("changed_by", "changed_at"),
    noun=("note", "notes"),
)
take(Tag, "id", "tenant_id", "conversation_id", "name", "added_by", "created_at")
take(
    Turn,
    *("id", "tenant_id", "conversation_id", "epoch", "first_seq", "last_seq", "speaker", "state"),
    *("text", "ref", "start_ms", "end_ms"),
)
take(Event, "id", "tenant_id", "conversation_id", "epoch", "seq", "kind", "ms", "data")
take(
    Recording,
    *("id", "tenant_id", "conversation_id", "epoch", "side", "segment", "start_ms", "length_ms"),
    *("lost_ms", "rate", "bytes", "sha256", "file", "created_at"),
    noun=("piece of a recording", "pieces of recordings"),
)
take(
    Consent,
    *("id", "tenant_id", "conversation_id", "given_by", "given_at", "text_version", "kept_until"),
)
take(
    LegalHold,
    *("id", "tenant_id", "covers", "conversation_id", "person", "end_user", "why", "placed_by"),
    "since",
)
take(
    Erasure,
    *("id", "tenant_id", "person", "end_user", "fingerprint", "state", "asked_by", "asked_at"),
    *("counts", "finished_at"),
    left=dict.fromkeys(("holder", "lease_until"), "Who works on it now."),
)
leave_out(Lease, "Which worker hosts a conversation now. It holds a secret of Google's, sealed.")
take(
    ToolCall,
    *("id", "tenant_id", "conversation_id", "call", "name", "epoch", "state", "response"),
    *("answer_by", "summary", "created_at", "ended_at"),
)
take(
    Conversation,
    *("id", "tenant_id", "agent_id", "version_id", "user_id", "state", "started_at", "ended_at"),
    *(
        "end_reason",
        "stop_reason",
        "first_words",
        "last_epoch",
        "last_seq",
        "is_test",
        "wishes",
        "access_token_id",
        "end_user",
        "end_user_name",
        "text_erased_at",
        "events_erased_at",
    ),
    noun=("conversation", "conversations"),
)
take(
    AccessToken,
    *("id", "tenant_id", "kind", "agent_id", "prefix", "last_four", "uses", "used", "expires_at"),
    *("new_session_expires_at", "origins", "modalities", "limits", "setup", "field_mask"),
    *("end_user", "end_user_name", "is_test", "minted_by", "created_at", "revoked_at"),
    left={"hash": "It stands for a secret."},
)
_OF_ANY_TOOL = (
    *("id", "tenant_id", "agent_id", "is_on", "behavior", "scheduling", "timeout_ms", "url"),
    *("header_names", "name", "created_at"),
)
_SECRET = "It is a secret, and sealed."  # noqa: S105 - says so
take(
    AgentTool,
    *(*_OF_ANY_TOOL, "kind", "description", "parameters", "method"),
    left={
        **dict.fromkeys(("sealed_headers", "sealed_secret", "sealed_old_secret"), _SECRET),
        "old_secret_until": "It is of no use without the secret.",
    },
)
take(
    ToolServer,
    *(*_OF_ANY_TOOL, "only", "listed", "listed_at", "asked_at", "list_fault"),
    left={"sealed_headers": _SECRET},
)
take(AllowedHost, "id", "tenant_id", "name", "note", "created_at")
take(
    AgentVersion,
    *("id", "tenant_id", "agent_id", "number", "content", "state", "created_at", "created_by_id"),
    "published_at",
)
take(
    Agent,
    *("id", "tenant_id", "slug", "name", "description", "prompt", "model", "voice", "modality"),
    *("recording", "open_to_callers", "limits", "created_at"),
    noun=("agent", "agents"),
)
take(
    WebhookAttempt, "id", "tenant_id", "delivery_id", "at", "took_ms", "status", "fault", "summary"
)
take(
    WebhookDelivery,
    *("id", "tenant_id", "endpoint_id", "event_id", "state", "tries", "due_at", "first_tried_at"),
    *("ended_at", "created_at"),
    left={"holder": "Who works on it now."},
)
take(WebhookEvent, "id", "tenant_id", "kind", "conversation_id", "data", "happened_at")
take(
    WebhookEndpoint,
    *("id", "tenant_id", "name", "url", "kinds", "signing", "public_key", "old_public_key"),
    *("is_on", "off_reason", "off_at", "failing_since", "created_at"),
    left={
        **dict.fromkeys(("sealed_secret", "sealed_old_secret"), _SECRET),
        "old_secret_until": "It is of no use without the secret.",
    },
)
leave_out(ExportPart, "A piece of an export that is being made.")
take(
    Export,
    *("id", "tenant_id", "format", "is_redacted", "wanted", "state", "fault", "asked_by"),
    *("asked_at", "schedule_id", "due_at", "keep_days", "conversations_done", "turns_done"),
    *("conversations_expected", "turns_expected", "bytes", "sha256", "ready_at", "expires_at"),
    left={
        **dict.fromkeys(("holder", "lease_until", "tries"), "Who works on it now."),
        "file": "It is a copy of what is in this archive.",
    },
)
take(
    ExportSchedule,
    *("id", "tenant_id", "name", "is_on", "every", "hour", "formats", "is_redacted", "wanted"),
    *("keep_days", "next_at", "asked_by", "created_at"),
)
