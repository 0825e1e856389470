"""What is taken along of the tables of `accounts`."""

from accounts.leaving.decisions import leave_out, take
from accounts.leaving.models import Archive
from accounts.models import (
    ApiKey,
    ApiRequest,
    AuditEntry,
    AuditLink,
    AuditSeal,
    Credential,
    IdempotentRequest,
    Invitation,
    Membership,
)
from accounts.rotation.models import CredentialRotation
from accounts.single_sign_on.models import EmailDomain, IdentityProvider, ProviderIdentity

# Seals first: whatever a seal covers was there before it, so it is among the links and entries
# that are read after it. `accounts.audit.chain` says how they are proved.
take(
    AuditSeal,
    *("id", "tenant_id", "number", "at", "form", "count", "is_complete", "previous", "hash"),
)
take(AuditLink, "id", "tenant_id", "number", "position", "hash")
take(
    AuditEntry,
    *("id", "tenant_id", "at", "actor", "action", "object_type", "object_id", "reason"),
    *("before", "after", "ip", "user_agent", "request_id"),
    noun=("audit entry", "audit entries"),
)
take(
    ApiKey,
    *("id", "tenant_id", "name", "prefix", "scopes", "networks", "last_four", "agents", "is_test"),
    *("expires_at", "revoked_at", "last_used_at", "created_at", "created_by_id"),
    left={"hash": "It checks the key's secret."},
    noun=("API key", "API keys"),
)
take(
    Credential,
    *("id", "tenant_id", "name", "kind", "endpoint", "project", "location", "base_url", "state"),
    *("is_primary", "version", "client_email", "key_id", "fingerprint", "last_four"),
    *("verified_at", "verification", "created_at", "created_by_id"),
    *("rotates_by_itself", "rotate_every_days", "rotation_due_at", "rotation_reminded_at"),
    *("position", "last_used_at", "failed_at", "failure", "failure_code", "failures_in_row"),
    *("paced_until", "rests_until"),
    left={"sealed_secret": "A secret. You have the key file, and Google makes new ones."},
    noun=("Gemini credential", "Gemini credentials"),
)
take(
    Invitation,
    *("id", "tenant_id", "email", "role", "created_at", "created_by_id", "expires_at"),
    *("accepted_at", "revoked_at"),
    left={"hash": "It checks the token of the invitation's link."},
)
take(
    Membership,
    *("id", "tenant_id", "user_id", "role", "state", "limits", "created_at"),
    noun=("member", "members"),
)
take(
    CredentialRotation,
    *("id", "tenant_id", "old_id", "new_id", "name", "client_email", "old_version", "was_primary"),
    *("certificate", "state", "since", "by_itself", "old_key", "new_key", "known_keys"),
    *("attempted_at", "verified_at", "retire_by", "delete_at", "doomed", "old_disabled"),
    *("problem", "cause", "tries", "not_before", "steps", "demand", "demanded_by"),
    *("requested_by", "due_at", "created_at", "ended_at"),
    left={
        "epoch": "Who works on it now.",
        "claimed_until": "Who works on it now.",
    },
)
take(
    IdentityProvider,
    *("id", "tenant_id", "state", "issuer", "client_id", "domains", "newcomer_role"),
    *("admits_newcomers", "is_required", "is_second_factor", "admits_owners", "last_test"),
    "created_at",
    left={"sealed_secret": "A secret. Your identity provider makes a new one."},
)
take(EmailDomain, "id", "tenant_id", "name", "approved_at")
take(ProviderIdentity, "id", "tenant_id", "user_id", "issuer", "subject", "created_at")
take(
    ApiRequest,
    *("id", "tenant_id", "request_id", "actor", "method", "route", "status", "code"),
    *("duration_ms", "at"),
    noun=("API request", "API requests"),
)
leave_out(IdempotentRequest, "Answers kept for a day, for programs that ask again.")
leave_out(Archive, "It is about files such as this one.")
