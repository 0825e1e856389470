"""What the walks through the admin share: its models, its addresses, a row of each."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.audit import record
from accounts.credentials import set_secret
from accounts.models import ApiKey, AuditEntry, Credential, Membership, Tenant, User
from accounts.tenancy import tenant_scope
from conversations.models import Agent, Conversation
from tests.cast import Company
from tests.conversations.talks import add_event, make_agent, make_conversation

ROLES = ("owner", "admin", "developer", "reviewer")
# Who may look at a model's rows; the operator sees every one.
SEEN_BY: dict[type[Model], tuple[str, ...]] = {
    Agent: ("owner", "admin", "developer", "reviewer"),
    ApiKey: ("owner", "admin", "developer"),
    AuditEntry: ("owner", "admin"),
    Conversation: ("owner", "admin", "reviewer"),
    Credential: ("owner", "admin"),
    Membership: ("owner", "admin"),
    Tenant: ("owner", "admin"),
    User: (),
}
# Views with a row's id in their address, beside Django's own four.
POSTED = frozenset({"accounts_credential_try", "accounts_credential_verify"})
KNOWN_ROUTES = frozenset(
    {
        "index",
        "login",
        "logout",
        "autocomplete",
        "jsi18n",
        "app_list",
        "search",
        None,  # the last one, which answers 404
        "auth_user_password_change",
        "accounts_credential_explain",
        "accounts_credential_try_new",
        *POSTED,
        *(
            f"{model._meta.app_label}_{model._meta.model_name}_{view}"
            for model in SEEN_BY
            for view in ("changelist", "add", "history", "delete", "change")
        ),
    }
)

Rows = dict[type[Model], Model]


def furnish(company: Company) -> Rows:
    """A row of each model."""
    credential = Credential(
        tenant=company.tenant,
        name=f"of-{company.tenant.slug}",
        kind="api_key",
        endpoint="developer",
    )
    set_secret(credential, "AIza-canary-0123456789")
    agent = make_agent(company.tenant, f"agent-{company.tenant.slug}")
    conversation = make_conversation(agent, company.member)
    add_event(conversation, 9, "interrupted")
    with tenant_scope(company.tenant.pk):
        credential.save()
        return {
            Agent: agent,
            ApiKey: ApiKey.objects.get(name="tests"),
            AuditEntry: record("agent.created", agent, actor="system"),
            Conversation: conversation,
            Credential: credential,
            Membership: Membership.objects.get(user=company.member),
            Tenant: company.tenant,
            User: company.member,
        }


def address(model: type[Model], view: str = "", row: Model | None = None) -> str:
    base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
    return f"{base}{row.pk}/{view}/" if row else f"{base}{view}"


def routes() -> list[URLPattern]:
    """Every pattern below `/admin/`."""

    def below(resolver: URLResolver) -> list[URLPattern]:
        found: list[URLPattern] = []
        for each in resolver.url_patterns:
            found += below(each) if isinstance(each, URLResolver) else [each]
        return found

    [site] = [
        each
        for each in get_resolver().url_patterns
        if isinstance(each, URLResolver) and str(each.pattern) == "admin/"
    ]
    return below(site)


def registered() -> dict[type[Model], Any]:
    return dict(admin.site._registry)  # noqa: SLF001 - there is no other way to see them all
