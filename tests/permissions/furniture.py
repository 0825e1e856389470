"""A row of everything in one organisation, so that each address has something to name."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Model
from django.utils import timezone
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from accounts.api_keys import create_api_key
from accounts.audit import record
from accounts.credentials import set_secret
from accounts.models import (
    ApiKey,
    ApiRequest,
    Archive,
    AuditEntry,
    Credential,
    CredentialRotation,
    Departure,
    Invitation,
    Membership,
    Tenant,
    User,
)
from accounts.tenancy import tenant_scope
from conversations.models import (
    AccessToken,
    Agent,
    AgentTool,
    AllowedHost,
    Consent,
    Conversation,
    Erasure,
    Export,
    ExportSchedule,
    LegalHold,
    Note,
    Price,
    Recording,
    ToolServer,
    UsageDay,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WorkerProcess,
)
from conversations.versions import published_version
from tests.cast import Company
from tests.conversations.talks import add_event, make_agent, make_conversation

CANARY = "AIza-canary-0123456789"
NOWHERE = "http://127.0.0.1:1"  # nothing listens at this port


@dataclass(frozen=True)
class Furniture:
    """`rows` has one of each model. What belongs to a person is the `member`'s."""

    company: Company
    rows: dict[type[Model], Any]


def furnish(company: Company) -> Furniture:
    tenant, person = company.tenant, company.member
    credential = Credential(
        tenant=tenant,
        name=f"of-{tenant.slug}",
        kind="api_key",
        endpoint="developer",
        base_url=NOWHERE,
    )
    set_secret(credential, CANARY)
    agent = make_agent(tenant, f"agent-{tenant.slug}")
    conversation = make_conversation(agent, person)
    add_event(conversation, 9, "interrupted")
    with tenant_scope(tenant.pk):
        credential.save()
        published_version(agent, timezone.now())
        rows: dict[type[Model], Any] = {
            AccessToken: furnish_token(agent),
            Agent: agent,
            AgentTool: furnish_tool(AgentTool(agent=agent, name=f"tool_{tenant.slug}")),
            AllowedHost: AllowedHost.objects.create(name=f"tools.{tenant.slug}.example"),
            # One that every editor of keys may give away, and so rotate.
            ApiKey: create_api_key(tenant, "furnished", ["talk"])[0],
            Archive: Archive.objects.create(state=Archive.State.READY, asked_by="system"),
            ApiRequest: ApiRequest.objects.create(
                request_id=f"of-{tenant.slug}",
                actor=f"user:{person.pk}",
                method="GET",
                route="api-turns",
                status=200,
                duration_ms=1,
                at=timezone.now(),
            ),
            AuditEntry: record("agent.created", agent, actor="system"),
            Consent: furnish_consent(conversation),
            Conversation: conversation,
            Credential: credential,
            CredentialRotation: CredentialRotation.objects.create(
                old=credential,
                old_version=credential.version,
                name=credential.name,
                since=timezone.now(),
                due_at=timezone.now() + timedelta(days=1),
                requested_by="system",
                # One that is open keeps its credentials from being deleted.
                state="done",
                ended_at=timezone.now(),
            ),
            Departure: Departure.objects.create(
                tenant_id=tenant.pk,
                slug=tenant.slug,
                name=tenant.name,
                asked_by="system",
                asked_at=timezone.now(),
                erase_after=timezone.now() + timedelta(days=1),
            ),
            Erasure: Erasure.objects.create(
                fingerprint="0" * 64, state="done", asked_by="system", finished_at=timezone.now()
            ),
            LegalHold: LegalHold.objects.create(
                covers="end-user", end_user=f"of-{tenant.slug}", why="A case", placed_by="system"
            ),
            Export: Export.objects.create(format="jsonl", asked_by="system", keep_days=7),
            ExportSchedule: ExportSchedule.objects.create(
                name=f"of-{tenant.slug}",
                formats=["csv"],
                next_at=timezone.now() + timedelta(days=1),
                asked_by="system",
            ),
            Invitation: Invitation.objects.create(
                email=f"new@{tenant.slug}.example",
                hash=f"{tenant.pk.hex:0<64}",
                expires_at=timezone.now() + timedelta(days=1),
            ),
            Membership: Membership.objects.get(user=person),
            Note: Note.objects.create(
                conversation=conversation, text="A note", written_by="system"
            ),
            Price: Price.objects.create(
                model=f"of-{tenant.slug}", kind="text_in", valid_from=timezone.now().date()
            ),
            Recording: furnish_recording(conversation),
            Tenant: tenant,
            ToolServer: furnish_tool(ToolServer(agent=agent, name=f"server_{tenant.slug}")),
            UsageDay: UsageDay.objects.create(
                whose="tenant", subject=tenant.pk, day=timezone.now().date()
            ),
            User: person,
            **furnish_webhook(tenant),
            WorkerProcess: WorkerProcess.objects.create(
                name=f"w-{tenant.pk.hex}",
                address="127.0.0.1:1",
                capacity=1,
                # It is listed while it reports; nobody waits for a test.
                seen_at=timezone.now() + timedelta(hours=1),
            ),
        }
    return Furniture(company, rows | _of_person(person))


def furnish_token(agent: Agent) -> Any:
    return AccessToken.objects.create(
        agent=agent,
        prefix=agent.pk.hex[-12:],
        hash=f"{agent.pk.hex:0<64}",
        expires_at=timezone.now() + timedelta(hours=1),
        new_session_expires_at=timezone.now() + timedelta(hours=1),
        minted_by="system",
    )


def furnish_consent(conversation: Conversation) -> Any:
    return Consent.objects.create(
        conversation=conversation,
        given_by="system",
        text_version="2026-11.1",
        kept_until=timezone.now() + timedelta(days=1),
    )


def furnish_recording(conversation: Conversation) -> Any:
    """One that was lost: there is nothing to hear, and it can be asked for."""
    return Recording.objects.create(
        conversation=conversation,
        epoch=1,
        side="user",
        segment=0,
        start_ms=0,
        length_ms=1000,
        lost_ms=1000,
        rate=16000,
        bytes=0,
    )


def furnish_webhook(tenant: Tenant) -> dict[type[Model], Any]:
    """One that is off, with an event that arrived."""
    endpoint = WebhookEndpoint(
        tenant=tenant, name=f"of-{tenant.slug}", url=NOWHERE, kinds=["turn.final"], is_on=False
    )
    endpoint.set_secret(f"whsec_{CANARY}", timezone.now())
    endpoint.save()
    event = WebhookEvent.objects.create(kind="export.ready")
    delivery = WebhookDelivery.objects.create(endpoint=endpoint, event=event, state="delivered")
    return {WebhookEndpoint: endpoint, WebhookEvent: event, WebhookDelivery: delivery}


def furnish_tool(tool: Any) -> Any:
    tool.tenant_id = tool.agent.tenant_id
    tool.url = NOWHERE
    tool.set_headers({"Authorization": f"Bearer {CANARY}"})
    if isinstance(tool, AgentTool):
        tool.set_secret(f"whsec_{CANARY}", timezone.now())
    tool.save()
    return tool


def _of_person(person: User) -> dict[type[Model], Any]:
    return {
        Authenticator: Authenticator.objects.create(
            user=person,
            type="webauthn",
            data={"name": "Key", "credential": passkey(person.pk.bytes)},
        ),
        UserSession: UserSession.objects.create(
            user=person, session_key=person.pk.hex, ip="127.0.0.1", user_agent="Test", data={}
        ),
    }


def passkey(credential_id: bytes) -> dict[str, Any]:
    """A passkey as allauth stores what the browser has sent. Nobody can log in with it."""
    public_key = ES256({1: 2, 3: -7, -1: 1, -2: bytes(32), -3: bytes(32)})
    known = AttestedCredentialData.create(Aaguid.NONE, credential_id, public_key)
    data = AuthenticatorData.create(bytes(32), AuthenticatorData.FLAG.ATTESTED, 0, known)
    client = CollectedClientData.create("webauthn.create", bytes(32), "http://localhost:8000")
    return {
        "id": websafe_encode(credential_id),
        "rawId": websafe_encode(credential_id),
        "type": "public-key",
        "clientExtensionResults": {"credProps": {"rk": True}},
        "response": {
            "clientDataJSON": websafe_encode(client),
            "attestationObject": websafe_encode(AttestationObject.create("none", data, {})),
        },
    }
