"""The table of the site's pages and of the API. A new address needs a row here."""

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession

from accounts.models import Archive, Invitation, Membership
from conversations.models import (
    AccessToken,
    Agent,
    Conversation,
    Export,
    ExportSchedule,
    Note,
    WebhookEndpoint,
)
from tests.permissions.rows import (
    ADMINS,
    DEVELOPERS,
    EVERYBODY,
    GOES_ON,
    MANAGERS,
    MEMBERS,
    MINE,
    OK,
    OWNERS,
    REFUSED,
    REVIEWERS,
    UNKNOWN,
    Api,
    Googles,
    Open,
    OpenApi,
    Page,
    Row,
    Talk,
)

SIGNED_IN = {"people": GOES_ON}
NO_TENANT = "01890a5d-ac96-774b-bcce-b302099a8057"
NO_LINK = {"uidb36": "0", "key": "none"}

SIGNING_IN: dict[str, Row] = {
    "account_login": Open(may=EVERYBODY, post=OK, besides=SIGNED_IN),
    "account_signup": Open(may=EVERYBODY, post=OK, besides=SIGNED_IN),
    "account_logout": Open(may=EVERYBODY, get=405, post=GOES_ON),
    "account_inactive": Open(may=EVERYBODY),
    "account_reset_password": Open(may=EVERYBODY, post=OK),
    "account_reset_password_done": Open(may=EVERYBODY),
    "account_reset_password_from_key": Open(may=EVERYBODY, post=OK, arguments=NO_LINK),
    "account_reset_password_from_key_done": Open(may=EVERYBODY),
    "password-link": Open(may=EVERYBODY, get=UNKNOWN),
    "invitation": Open(may=EVERYBODY, get=UNKNOWN, post=UNKNOWN),
    "single-sign-on": Open(may=EVERYBODY, get=405, post=GOES_ON, besides={"people": REFUSED}),
    "single-sign-on-return": Open(may=EVERYBODY, get=400, arguments={"tenant_id": NO_TENANT}),
    "mfa_authenticate": Open(may=EVERYBODY, get=GOES_ON, post=GOES_ON),
    "mfa_login_webauthn": Open(may=EVERYBODY, get=GOES_ON, post=GOES_ON),
    "healthz": Open(may=EVERYBODY, post=OK),
    "readyz": Open(may=EVERYBODY, post=OK),
}

OWN_ACCOUNT: dict[str, Row] = {
    "account": Page(may=EVERYBODY),
    "account_reauthenticate": Page(may=EVERYBODY, post=OK),
    "account_change_password": Page(may=EVERYBODY, post=OK),
    "account_set_password": Page(may=EVERYBODY, get=GOES_ON, post=GOES_ON),
    "make-password-link": Page(
        may={"operator"}, post=OK, besides=dict.fromkeys(EVERYBODY - {"operator"}, UNKNOWN)
    ),
    "usersessions_list": Page(may=EVERYBODY, post=GOES_ON),
    "end-session": Page(may=EVERYBODY, get=405, post=GOES_ON, of=UserSession, besides=MINE),
    "mfa_index": Page(may=EVERYBODY),
    "mfa_reauthenticate": Page(may=EVERYBODY, get=GOES_ON, post=GOES_ON),
    "mfa_activate_totp": Page(may=EVERYBODY, post=OK),
    "mfa_deactivate_totp": Page(may=EVERYBODY, get=UNKNOWN, post=UNKNOWN),
    "mfa_view_recovery_codes": Page(may=EVERYBODY, get=UNKNOWN),
    # With a second factor one goes on to the codes.
    "mfa_generate_recovery_codes": Page(may=EVERYBODY, post=OK, passkey={"post": GOES_ON}),
    "mfa_download_recovery_codes": Page(may=EVERYBODY, get=UNKNOWN, post=UNKNOWN),
    "mfa_list_webauthn": Page(may=EVERYBODY),
    "mfa_add_webauthn": Page(may=EVERYBODY, post=OK),
    "mfa_reauthenticate_webauthn": Page(
        may=EVERYBODY, get=GOES_ON, post=GOES_ON, passkey={"get": OK}
    ),
    "mfa_remove_webauthn": Page(may=EVERYBODY, post=GOES_ON, of=Authenticator, besides=MINE),
    "mfa_edit_webauthn": Page(may=EVERYBODY, post=OK, of=Authenticator, besides=MINE),
    "switch-tenant": Page(may=EVERYBODY, get=405, post=UNKNOWN),
    "end-visit": Page(may=EVERYBODY, get=405, post=GOES_ON),
}

TENANT: dict[str, Row] = {
    "lobby": Page(may=MEMBERS, besides={"operator": GOES_ON}),
    "conversation-new": Page(may=MEMBERS, of=Agent),
    "conversation": Page(
        may=MEMBERS,
        of=Conversation,
        # The member's own: reviewers are sent to the review.
        besides={"developer": UNKNOWN} | dict.fromkeys(REVIEWERS, GOES_ON),
    ),
    # The member's own; reviewers may listen to it.
    "recording": Page(may=MEMBERS, of=Conversation, besides={"developer": UNKNOWN}),
    "history": Page(may=MEMBERS),
    "review": Page(may=REVIEWERS),
    "review-conversation": Page(may=REVIEWERS, of=Conversation),
    # It has ended: what there is of it is in the review.
    "watch-conversation": Page(may=REVIEWERS, get=GOES_ON, of=Conversation),
    "members": Page(may=MANAGERS),
    "invite-member": Page(may=MANAGERS, get=405, post=OK),
    "require-second-factor": Page(may=MANAGERS, get=405, post=GOES_ON),
    "single-sign-on-setup": Page(may=MANAGERS, post=OK),
    "single-sign-on-test": Page(may=MANAGERS, get=405, post=UNKNOWN),
    "single-sign-on-discard": Page(may=MANAGERS, get=405, post=GOES_ON),
    "single-sign-on-end": Page(may=MANAGERS, get=405, post=GOES_ON),
    "single-sign-on-forget": Page(may=MANAGERS, get=405, post=GOES_ON),
    "change-member": Page(
        may=MANAGERS, get=405, post=GOES_ON, of=Membership, data={"role": "reviewer"}
    ),
    "revoke-invitation": Page(may=MANAGERS, get=405, post=GOES_ON, of=Invitation),
    "organisation": Page(may=OWNERS),
    "make-archive": Page(may=OWNERS, get=405, post=GOES_ON),
    # Without the key of its link, which only the page has.
    "download-archive": Page(may=OWNERS, get=GOES_ON, of=Archive),
    "leave": Page(may=OWNERS, post=OK),
    "take-back": Page(may=OWNERS, get=405, post=GOES_ON),
}

READERS = REVIEWERS | {"key-read"}
ANNOTATORS = REVIEWERS | {"key-write"}
TALKERS = MEMBERS | {"key-talk", "key-write"}
AGENT_READERS = ADMINS | {"key-read"}
AGENT_WRITERS = DEVELOPERS | {"key-write"}
# What is posted here is a form's, which the API does not read.
NO_JSON = 415
MINTERS = DEVELOPERS | {"key-tokens"}
TELLERS = DEVELOPERS | {"key-admin"}
EXPORTERS = MANAGERS | {"key-write"}
API: dict[str, Row] = {
    "api-schema": OpenApi(may=EVERYBODY),
    "api-docs": OpenApi(may=EVERYBODY),
    "api-redoc": OpenApi(may=EVERYBODY),
    "api-errors": OpenApi(may=EVERYBODY),
    "api-request": Api(
        may=DEVELOPERS | {"key-read"}, get=UNKNOWN, arguments={"request_id": "of-nobody"}
    ),
    "api-exports": Api(may=EXPORTERS, post=415),
    "api-export": Api(may=EXPORTERS, of=Export),
    # It is not made yet.
    "api-export-link": Api(may=EXPORTERS, get=405, post=409, of=Export),
    # Without the key of a link.
    "api-export-file": Api(may=EXPORTERS, get=REFUSED, of=Export),
    "api-export-schedules": Api(may=EXPORTERS, post=NO_JSON),
    "api-export-schedule": Api(may=EXPORTERS, of=ExportSchedule),
    "api-webhooks": Api(may=TELLERS, post=NO_JSON),
    "api-webhook": Api(may=TELLERS, of=WebhookEndpoint),
    "api-webhook-rotation": Api(may=TELLERS, get=405, post=NO_JSON, of=WebhookEndpoint),
    # It is off.
    "api-webhook-test": Api(may=TELLERS, get=405, post=409, of=WebhookEndpoint),
    "api-webhook-replay": Api(may=TELLERS, get=405, post=NO_JSON, of=WebhookEndpoint),
    "api-webhook-deliveries": Api(may=TELLERS, of=WebhookEndpoint),
    "api-webhook-delivery-replay": Api(
        may=TELLERS,
        get=405,
        post=UNKNOWN,
        of=WebhookEndpoint,
        arguments={"delivery_id": "01890a5d-ac96-774b-bcce-b302099a8057"},
    ),
    "api-agents": Api(may=AGENT_READERS, changing=AGENT_WRITERS, post=NO_JSON),
    "api-agent": Api(may=AGENT_READERS, changing=AGENT_WRITERS, of=Agent),
    "api-agent-versions": Api(may=AGENT_READERS, of=Agent),
    "api-agent-publication": Api(
        may=AGENT_READERS, changing=AGENT_WRITERS, get=405, post=NO_JSON, of=Agent
    ),
    "api-agent-draft": Api(may=AGENT_READERS, changing=AGENT_WRITERS, get=405, of=Agent),
    "api-members": Api(may=MANAGERS | {"key-admin"}),
    "api-member": Api(may=MANAGERS | {"key-admin"}, of=Membership),
    # People invite on the page.
    "api-invitations": Api(may=MANAGERS | {"key-admin"}, changing={"key-admin"}, post=NO_JSON),
    "api-invitation": Api(may=MANAGERS | {"key-admin"}, of=Invitation),
    "api-usage": Api(may=MANAGERS | {"key-read"}),
    "api-tags": Api(may=READERS),
    "api-conversations": Api(may=READERS, changing=TALKERS, post=NO_JSON),
    # Who may erase it may not POST either, and is told so.
    "api-conversation": Api(may=READERS, changing=EXPORTERS, of=Conversation),
    "api-conversation-end": Api(may=DEVELOPERS | {"key-write"}, get=405, post=202, of=Conversation),
    "api-events": Api(may=READERS, of=Conversation),
    "api-recordings": Api(may=READERS, of=Conversation),
    "api-recording": Api(may=READERS, of=Conversation),
    "api-notes": Api(may=READERS, changing=ANNOTATORS, post=NO_JSON, of=Conversation),
    "api-note": Api(may=READERS, changing=ANNOTATORS, of=Note),
    "api-conversation-tags": Api(may=READERS, changing=ANNOTATORS, post=NO_JSON, of=Conversation),
    "api-conversation-tag": Api(
        may=READERS, changing=ANNOTATORS, get=405, of=Conversation, arguments={"name": "shoes"}
    ),
    "api-tokens": Api(may=MINTERS, post=415),
    "api-token": Api(may=MINTERS, of=AccessToken),
    "api-token-revocation": Api(may=MINTERS, get=405, post=OK, of=AccessToken),
    "api-token-transcripts": Api(may=MINTERS, get=405, post=415, of=AccessToken),
    "api-turns": Api(may=READERS, of=Conversation),
    "api-messages": Talk(may=TALKERS, get=405, post=NO_JSON, of=Conversation),
    # Outside of a web process nothing runs live.
    "api-stream": Talk(may=TALKERS, changing=TALKERS | READERS, get=503, of=Conversation),
}

CALLERS = {"key-read", "key-talk", "key-write"}
GOOGLE: dict[str, Row] = {
    "google-auth-tokens": Googles(
        may={"key-tokens"}, get=405, post=400, arguments={"version": "v1alpha"}
    ),
    "google-models": Googles(may=CALLERS, arguments={"version": "v1"}),
    "google-model": Googles(
        may=CALLERS, arguments={"version": "v1beta", "name": "gemini-3.8-live"}
    ),
}
API |= GOOGLE

SITE = SIGNING_IN | OWN_ACCOUNT | TENANT | API
