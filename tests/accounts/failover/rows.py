"""Credentials for the tests of failover."""

from datetime import UTC, datetime
from typing import Any

from accounts.credentials import set_secret
from accounts.models import Credential, Tenant

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def credential(tenant: Tenant | None = None, **fields: Any) -> Credential:
    """One that works, of the Developer API; stored if it has a tenant."""
    made = Credential(
        **{
            "name": "main",
            "kind": Credential.Kind.API_KEY,
            "endpoint": Credential.Endpoint.DEVELOPER,
            "created_at": NOW,
            "tenant": tenant,
        }
        | {name: fields[name] for name in ("name", "endpoint") if name in fields}
    )
    if tenant is not None:
        set_secret(made, "a-key-of-google-s-own")
    for name, value in ({"state": Credential.State.ACTIVE} | fields).items():
        setattr(made, name, value)
    if tenant is not None:
        made.save()
    return made
