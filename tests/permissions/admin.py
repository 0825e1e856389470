"""The table of the admin: who sees a model, who changes it, what else its pages do.

A new model of the admin needs a line in MODELS, a view of its own a row in VIEWS, an action a
line in ACTIONS.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Model

from accounts.models import (
    ApiKey,
    ApiRequest,
    AuditEntry,
    Credential,
    CredentialRotation,
    Departure,
    Membership,
    Tenant,
    User,
)
from conversations.models import (
    AccessToken,
    Agent,
    AgentTool,
    AllowedHost,
    Conversation,
    Erasure,
    Export,
    ExportSchedule,
    LegalHold,
    Price,
    ToolServer,
    UsageDay,
    WebhookDelivery,
    WebhookEndpoint,
    WorkerProcess,
)
from tests.permissions.rows import (
    ADMINS,
    DEVELOPERS,
    GOES_ON,
    LOG_IN,
    MANAGERS,
    NOBODY,
    OK,
    REFUSED,
    REVIEWERS,
    UNKNOWN,
    Admin,
    Method,
    Open,
    Row,
    Whose,
)
from tests.permissions.visitors import PEOPLE

OPERATOR = frozenset({"operator"})


@dataclass(frozen=True)
class Shown:
    """Who sees a model's rows, adds, changes and deletes them. The operator sees all."""

    seen: Collection[str]
    added: Collection[str] = NOBODY
    changed: Collection[str] = NOBODY
    deleted: Collection[str] = NOBODY


MODELS: dict[type[Model], Shown] = {
    AccessToken: Shown(DEVELOPERS),
    # An agent that somebody has talked to stays.
    Agent: Shown(ADMINS, added=DEVELOPERS | OPERATOR, changed=DEVELOPERS | OPERATOR),
    AgentTool: Shown(
        DEVELOPERS,
        added=DEVELOPERS | OPERATOR,
        changed=DEVELOPERS | OPERATOR,
        deleted=DEVELOPERS | OPERATOR,
    ),
    # Where an organisation's data may go is for those who run it.
    AllowedHost: Shown(
        DEVELOPERS,
        added=MANAGERS | OPERATOR,
        changed=MANAGERS | OPERATOR,
        deleted=MANAGERS | OPERATOR,
    ),
    ApiKey: Shown(DEVELOPERS, added=DEVELOPERS | OPERATOR, changed=DEVELOPERS | OPERATOR),
    ApiRequest: Shown(DEVELOPERS),
    AuditEntry: Shown(MANAGERS),
    Conversation: Shown(REVIEWERS),
    # Operators take no words of an organisation's along.
    Export: Shown(MANAGERS, added=MANAGERS, deleted=MANAGERS | OPERATOR),
    ExportSchedule: Shown(MANAGERS, added=MANAGERS, changed=MANAGERS, deleted=MANAGERS | OPERATOR),
    Credential: Shown(
        MANAGERS,
        added=MANAGERS | OPERATOR,
        changed=MANAGERS | OPERATOR,
        deleted=MANAGERS | OPERATOR,
    ),
    # What is kept, held and erased is an organisation's own matter.
    Erasure: Shown(MANAGERS, added=MANAGERS),
    LegalHold: Shown(MANAGERS, added=MANAGERS, deleted=MANAGERS | OPERATOR),
    Membership: Shown(
        MANAGERS, added=OPERATOR, changed=MANAGERS | OPERATOR, deleted=MANAGERS | OPERATOR
    ),
    CredentialRotation: Shown(MANAGERS),
    Departure: Shown(NOBODY),
    Price: Shown(NOBODY, added=OPERATOR, changed=OPERATOR, deleted=OPERATOR),
    Tenant: Shown(MANAGERS, added=OPERATOR, changed=MANAGERS | OPERATOR),
    ToolServer: Shown(
        DEVELOPERS,
        added=DEVELOPERS | OPERATOR,
        changed=DEVELOPERS | OPERATOR,
        deleted=DEVELOPERS | OPERATOR,
    ),
    UsageDay: Shown(MANAGERS),
    # What was said goes there.
    WebhookEndpoint: Shown(
        DEVELOPERS, added=DEVELOPERS, changed=DEVELOPERS, deleted=DEVELOPERS | OPERATOR
    ),
    WebhookDelivery: Shown(DEVELOPERS),
    User: Shown(NOBODY, added=OPERATOR, changed=OPERATOR),
    WorkerProcess: Shown(NOBODY),
}


class Login(Open):
    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        if visitor == "operator":
            return GOES_ON if method == "get" else OK
        return REFUSED if visitor in PEOPLE else LOG_IN


# What can be done to rows that were chosen in a list; the first answer is the question.
ACTIONS: dict[tuple[type[Model], str], Collection[str]] = {
    (AccessToken, "revoke"): DEVELOPERS | OPERATOR,
    (AgentTool, "replace_secret"): DEVELOPERS | OPERATOR,
    (ApiKey, "revoke"): DEVELOPERS | OPERATOR,
    (ApiKey, "rotate"): DEVELOPERS | OPERATOR,
    (Conversation, "export"): MANAGERS,
    (Conversation, "erase"): MANAGERS,
    (Credential, "make_primary"): MANAGERS | OPERATOR,
    (Credential, "revoke"): MANAGERS | OPERATOR,
    (Tenant, "suspend"): OPERATOR,
    (Tenant, "resume"): OPERATOR,
    (Departure, "take_back"): OPERATOR,
    (WebhookEndpoint, "test"): DEVELOPERS,
    (WebhookEndpoint, "replay_failed"): DEVELOPERS,
    (WebhookEndpoint, "replace_secret"): DEVELOPERS,
    (WebhookDelivery, "replay"): DEVELOPERS,
    (WorkerProcess, "drain"): OPERATOR,
    (WorkerProcess, "take_on"): OPERATOR,
}

VIEWS: dict[str, Row] = {
    "admin:conversations_agenttool_try": Admin(
        may=DEVELOPERS, seen=DEVELOPERS, of=AgentTool, post=OK
    ),
    "admin:conversations_toolserver_list": Admin(
        may=DEVELOPERS, seen=DEVELOPERS, of=ToolServer, get=405, post=GOES_ON
    ),
    # The one that is furnished is not ready.
    "admin:conversations_export_download": Admin(
        may=MANAGERS,
        seen=MANAGERS,
        of=Export,
        get=GOES_ON,
        post=405,
    ),
    "admin:conversations_erasure_policy": Admin(
        may=MANAGERS, seen=MANAGERS, operator=False, post=OK
    ),
    "admin:conversations_erasure_report": Admin(may=MANAGERS, seen=MANAGERS, of=Erasure, post=405),
    "admin:conversations_usageday_export": Admin(may=MANAGERS, seen=MANAGERS, post=405),
    "admin:conversations_agent_versions": Admin(may=ADMINS, seen=ADMINS, of=Agent, post=405),
    "admin:conversations_agent_version": Admin(
        may=DEVELOPERS,
        seen=ADMINS,
        of=Agent,
        arguments={"number": 1, "act": "drop"},
        get=405,
        post=GOES_ON,
    ),
    "admin:accounts_tenant_visit": Admin(may=OPERATOR, seen=MANAGERS, of=Tenant, post=OK),
    "admin:index": Admin(may=ADMINS, post=OK),
    # allauth's log-in stands before it, so that Django's own form is never anybody's.
    "admin:login": Login(may=NOBODY, get=GOES_ON, post=GOES_ON),
    "admin:logout": Admin(may=ADMINS, get=405, post=GOES_ON),
    "admin:autocomplete": Admin(may=ADMINS, get=403),
    "admin:jsi18n": Admin(may=ADMINS),
    "admin:search": Admin(may=ADMINS, post=OK),
    "admin:app_list": Admin(
        may=DEVELOPERS, seen=DEVELOPERS, post=OK, arguments={"app_label": "accounts"}
    ),
    "admin:(?P<url>.*)$": Admin(may=ADMINS, get=UNKNOWN, post=UNKNOWN),
    "admin:auth_user_password_change": Admin(may=NOBODY, seen=NOBODY, of=User, post=OK),
    "admin:accounts_credential_explain": Admin(may=MANAGERS, seen=MANAGERS, get=405, post=OK),
    "admin:accounts_credential_try_new": Admin(may=MANAGERS, seen=MANAGERS, get=405, post=OK),
    "admin:accounts_credential_try": Admin(
        may=MANAGERS, seen=MANAGERS, of=Credential, get=405, post=OK
    ),
    "admin:accounts_credentialrotation_begin": Admin(
        may=MANAGERS, seen=MANAGERS, of=Credential, post=GOES_ON
    ),
    "admin:accounts_credentialrotation_schedule": Admin(
        may=MANAGERS, seen=MANAGERS, of=Credential, get=405, post=OK
    ),
    "admin:accounts_credentialrotation_demand": Admin(
        may=MANAGERS,
        seen=MANAGERS,
        of=CredentialRotation,
        arguments={"what": "try-again"},
        get=GOES_ON,
        post=GOES_ON,
    ),
    "admin:accounts_credential_verify": Admin(
        may=MANAGERS, seen=MANAGERS, of=Credential, get=405, post=GOES_ON
    ),
}


def rows_of_models() -> dict[str, Row]:
    """Django's five views of each model, from MODELS."""
    found: dict[str, Row] = {}
    for model, shown in MODELS.items():
        base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found |= {f"{base}_{view}": row for view, row in _views_of(model, shown).items()}
    return found


def _views_of(model: type[Model], shown: Shown) -> dict[str, Row]:
    def view(may: Collection[str], of: type[Model] | None = model) -> Admin:
        return Admin(may=may, seen=shown.seen, of=of, operator="operator" in may, post=OK)

    everyone = frozenset(shown.seen) | OPERATOR
    return {
        "changelist": view(everyone, of=None),
        "history": view(everyone),
        "add": view(shown.added, of=None),
        "change": Change(may=everyone, changed=shown.changed, seen=shown.seen, of=model, post=OK),
        "delete": view(shown.deleted),
    }


@dataclass(frozen=True, kw_only=True)
class Change(Admin):
    """A row's page: who may not change the row may still look at it."""

    changed: Collection[str] = NOBODY

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        status = super().status(visitor, method, whose)
        return (
            REFUSED if method == "post" and status == OK and visitor not in self.changed else status
        )


ADMIN = VIEWS | rows_of_models()
