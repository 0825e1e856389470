"""Credentials of service accounts at a simulator, and rotations that are driven by hand."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.credentials import set_secret
from accounts.models import AuditEntry, Credential, CredentialRotation, Tenant
from accounts.rotation.driving import advance
from accounts.rotation.progress import Demand
from accounts.rotation.requests import demand, request_rotation
from accounts.rotation.sessions import _counts
from accounts.tenancy import platform_scope, tenant_scope
from live.simulator import Simulator

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ACTOR = "user:somebody"


@dataclass
class Bench:
    """One tenant, one simulator, and a clock that is put forward by hand."""

    tenant: Tenant
    simulator: Simulator
    now: datetime = NOW
    prefix: str = "account"
    made: list[dict[str, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1000)))

    def clock(self) -> datetime:
        return self.now

    def credential(self, **fields: Any) -> Credential:
        """An active one, of an account of its own at the simulator."""
        info = self.new_account()
        row = Credential(
            tenant=self.tenant,
            **{
                "name": "main",
                "kind": "service_account",
                "endpoint": "vertex",
                "location": "us-central1",
                "base_url": self.simulator.url,
                "created_at": self.now,
                **fields,
            },
        )
        set_secret(row, json.dumps(info))
        row.state = fields.get("state", Credential.State.ACTIVE)
        with tenant_scope(self.tenant.pk):
            row.save()
        return row

    def new_account(self) -> dict[str, str]:
        """The key file of another account. All have one key: making one takes a while."""
        if not self.made:
            self.made.append(self.simulator.service_account_info())
        name = f"{self.prefix}-{next(self.numbers)}"
        email = f"{name}@{self.made[0]['project_id']}.iam.gserviceaccount.com"
        info = {**self.made[0], "client_email": email, "private_key_id": f"first-{name}"}
        self.simulator.accounts.trust(info)
        return info

    def add_key(self, rotation_of: Credential, key_id: str) -> None:
        """What a person does in Google's console."""
        info = {"client_email": rotation_of.client_email, "private_key_id": key_id}
        self.simulator.accounts.trust({**self.made[0], **info})

    def request(self, credential: Credential, **options: Any) -> CredentialRotation:
        with tenant_scope(self.tenant.pk):
            return request_rotation(credential, actor=ACTOR, now=self.now, **options)

    def advance(self, rotation: CredentialRotation, **later: float) -> CredentialRotation:
        """Drive it as far as it goes, after the clock was put forward."""
        self.now += timedelta(**later)
        advance(rotation.pk, self.clock)
        return self.read(rotation)

    def demand(self, rotation: CredentialRotation, what: Demand) -> bool:
        with tenant_scope(self.tenant.pk):
            return demand(rotation, what, actor=ACTOR, now=self.now)

    def read(self, rotation: CredentialRotation) -> CredentialRotation:
        with tenant_scope(self.tenant.pk):
            rows = CredentialRotation.objects.select_related("old", "new")
            return rows.get(pk=rotation.pk)

    def primary(self) -> Credential | None:
        with tenant_scope(self.tenant.pk):
            return Credential.objects.filter(is_primary=True).first()

    def enter_another_secret(self, credential: Credential) -> None:
        """What a person does in the form."""
        with tenant_scope(self.tenant.pk):
            row = Credential.objects.get(pk=credential.pk)
            set_secret(row, json.dumps(self.new_account()))
            row.save()

    def problem(self, rotation: CredentialRotation) -> str:
        """The code of what stands in its way; "" for nothing."""
        problem = self.read(rotation).progress().problem
        return problem.code if problem else ""

    def keys(self, rotation: CredentialRotation) -> dict[str, bool]:
        """The account's keys at the simulator: whether each is disabled."""
        shown = self.simulator.accounts.list_keys("-", rotation.client_email, []).get("keys", [])
        return {key["name"].rpartition("/")[2]: key.get("disabled", False) for key in shown}

    def audited(self) -> list[str]:
        with platform_scope("test"):
            entries = AuditEntry.objects.filter(action__startswith="rotation.").order_by("id")
            return list(entries.values_list("action", flat=True))


@contextmanager
def sessions(running: dict[UUID, int]) -> Iterator[None]:
    """So many sessions run on these credentials, besides those that really do."""
    _counts.append(lambda ids: {pk: count for pk, count in running.items() if pk in ids})
    try:
        yield
    finally:
        _counts.pop()
