"""A tenant's settings: a draft is kept, tried, made active, and ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.audit import record
from accounts.callers import Caller
from accounts.models import EmailDomain, IdentityProvider, ProviderIdentity, Tenant
from accounts.roles import Permission
from accounts.sessions import SessionsAdapter, sessions_signed_on_at
from accounts.single_sign_on import domains
from accounts.single_sign_on.protocol import Client
from accounts.tenancy import platform_scope

State = IdentityProvider.State
_SECRET = IdentityProvider._meta.get_field("sealed_secret")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a tenant's admin chooses. `secret` may be empty: then the stored one stays."""

    issuer: str
    client_id: str
    secret: str
    domains: tuple[str, ...]
    newcomer_role: str
    admits_newcomers: bool
    is_required: bool
    is_second_factor: bool

    def columns(self) -> dict[str, Any]:
        """All but the secret, as the row and the audit have them."""
        return {
            "issuer": self.issuer,
            "client_id": self.client_id,
            "domains": list(self.domains),
            "newcomer_role": self.newcomer_role,
            "admits_newcomers": self.admits_newcomers,
            "is_required": self.is_required,
            "is_second_factor": self.is_second_factor,
        }


class SecretWanted(Exception):
    """A secret is entered anew for another issuer or client: the stored one is not for them, and
    would be shown to whoever is named there."""

    code = "secret-wanted"


def redirect_uri(tenant_id: UUID | str) -> str:
    """The address that the tenant's provider sends people back to. It is each tenant's own, so
    that an answer of one provider is never taken for another's."""
    return f"{settings.PUBLIC_URL}{reverse('single-sign-on-return', args=[tenant_id])}"


def provider(state: State) -> IdentityProvider | None:
    """The current tenant's draft, or the active one."""
    return IdentityProvider.objects.filter(state=state).first()


def client_of(row: IdentityProvider) -> Client:
    """Raises Unsealable and KeysetUnreadable."""
    return Client(row.client_id, _SECRET.unseal(row).decode(), redirect_uri(row.tenant_id))


def provider_for(email: str) -> IdentityProvider | None:
    """The active provider that signs in people with such an address, with its tenant loaded: of
    the tenant that the domain was approved for. It is told by the domain alone."""
    name = domains.domain_of(email)
    with platform_scope("who signs in people of a domain"):
        row = EmailDomain.objects.filter(name=name, tenant__state=Tenant.State.ACTIVE)
        tenant_ids = list(row.values_list("tenant_id", flat=True))
        rows = IdentityProvider.objects.filter(tenant__in=tenant_ids, state=State.ACTIVE)
        found = rows.select_related("tenant").first()
    return found if found is not None and name in found.domains else None


def is_in_use() -> bool:
    """Whether any tenant's people sign in so: then everybody is asked for the address first."""
    with platform_scope("whether single sign-on is in use"):
        rows = IdentityProvider.objects.filter(state=State.ACTIVE)
        return rows.filter(tenant__state=Tenant.State.ACTIVE).exists()


@transaction.atomic
def save_draft(chosen: Settings, by: Caller) -> IdentityProvider:
    """Keep settings as the draft; nothing of them counts before `activate`.

    Raises:
        SecretWanted.
    """
    draft = provider(State.DRAFT)
    source = draft or provider(State.ACTIVE)
    secret = chosen.secret or _kept_secret(source, chosen)
    before = _shown(source)
    if draft is not None:
        draft.delete()
    # A new row: a test of what stood there before is not a test of this.
    draft = IdentityProvider(tenant_id=by.tenant_id, **chosen.columns())
    draft.sealed_secret = _SECRET.seal(draft, secret.encode())
    draft.save()
    after = chosen.columns() | ({"client_secret": "replaced"} if chosen.secret else {})
    record("single-sign-on.changed", draft, actor=by.actor, before=before, after=after)
    return draft


def _kept_secret(source: IdentityProvider | None, chosen: Settings) -> str:
    same = source is not None and (source.issuer, source.client_id) == (
        chosen.issuer,
        chosen.client_id,
    )
    if source is None or not same:
        raise SecretWanted
    return str(_SECRET.unseal(source).decode())


def _shown(row: IdentityProvider | None) -> Mapping[str, Any] | None:
    if row is None:
        return None
    chosen = Settings.__dataclass_fields__.keys() - {"secret"}
    return {name: getattr(row, name) for name in sorted(chosen)}


@transaction.atomic
def activate(draft: IdentityProvider, by: Caller) -> None:
    """Let the draft count from now on. To be called for whoever has tried it with success.
    Nothing happens if it was replaced meanwhile."""
    rows = IdentityProvider.objects.select_for_update().filter(pk=draft.pk, state=State.DRAFT)
    row = rows.first()
    if row is None:
        return
    IdentityProvider.objects.filter(state=State.ACTIVE).delete()
    row.state = State.ACTIVE
    row.admits_owners = by.may(Permission.MANAGE_OWNERS)
    row.save(update_fields=["state", "admits_owners"])
    _set_tenant(by, row.is_required, row.is_second_factor)
    record("single-sign-on.activated", row, actor=by.actor, after=_shown(row))


@transaction.atomic
def discard_draft(by: Caller) -> None:
    """Forget the draft; the active settings stay."""
    draft = provider(State.DRAFT)
    if draft is not None:
        record("single-sign-on.draft-discarded", draft, actor=by.actor, before=_shown(draft))
        draft.delete()


@transaction.atomic
def end(by: Caller) -> int:
    """Nobody of the tenant signs in so any more, and whoever has is signed out. The draft goes
    too. Returns how many sessions ended."""
    active = provider(State.ACTIVE)
    if active is not None:
        record("single-sign-on.ended", active, actor=by.actor, before=_shown(active))
    IdentityProvider.objects.all().delete()
    ProviderIdentity.objects.all().delete()
    _set_tenant(by, requires_sign_on=False, trusts=False)
    sessions = sessions_signed_on_at(by.tenant_id)
    SessionsAdapter().end_sessions(sessions)
    return len(sessions)


@transaction.atomic
def forget_people(by: Caller) -> int:
    """Let the next sign-in of each person find her account by the e-mail address again, as when
    an address was given to somebody else. Returns how many were forgotten."""
    count, _ = ProviderIdentity.objects.all().delete()
    tenant = Tenant.objects.get(pk=by.tenant_id)
    record("single-sign-on.people-forgotten", tenant, actor=by.actor, after={"people": count})
    return count


def _set_tenant(by: Caller, requires_sign_on: bool, trusts: bool) -> None:
    tenant = Tenant.objects.get(pk=by.tenant_id)
    tenant.requires_sign_on, tenant.trusts_sign_on_factor = requires_sign_on, trusts
    tenant.save(update_fields=["requires_sign_on", "trusts_sign_on_factor"])
