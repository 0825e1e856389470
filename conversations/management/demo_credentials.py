"""Which Gemini a demo tenant talks to: the simulator, or what the environment offers.

Real credentials are never a fallback. `GEMINI_API_KEY` asks for them, or `REAL=1`; without
either, a run goes back to the simulator, so that nobody pays by accident.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from environ.fileaware_mapping import FileAwareMapping

from accounts.credentials import set_secret
from accounts.models import Credential, Tenant

SIMULATOR = "Simulator"
DEFAULT_LOCATION = "us-central1"


class UnusableKeyFile(Exception):
    """GOOGLE_APPLICATION_CREDENTIALS names a file that cannot be read as a key."""

    def __init__(self) -> None:
        super().__init__("GOOGLE_APPLICATION_CREDENTIALS does not name a readable JSON key file.")


@dataclass(frozen=True)
class Offered:
    """A real credential of the environment. `repr` leaves the secret out."""

    source: str  # the variable's name
    kind: Credential.Kind
    endpoint: Credential.Endpoint
    secret: str
    project: str = ""
    location: str = ""

    def __repr__(self) -> str:
        return f"Offered({self.source})"


def offered_credentials(*, wanted: bool) -> list[Offered]:
    """Return what the environment offers, best first; nothing unless it was asked for."""
    env = FileAwareMapping()
    key = env.get("GEMINI_API_KEY", "").strip()
    if not (wanted or key):
        return []
    return [*offered_key(key), *offered_service_account(env)]


def offered_key(key: str) -> Iterator[Offered]:
    if key:
        yield Offered("GEMINI_API_KEY", Credential.Kind.API_KEY, Credential.Endpoint.DEVELOPER, key)


def offered_service_account(env: Mapping[str, str]) -> Iterator[Offered]:
    """Yield the key file of GOOGLE_APPLICATION_CREDENTIALS, if it is a service account's.

    Raises UnusableKeyFile.
    """
    name = env.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    if not name:
        return
    try:
        text = Path(name).read_text()
        info = json.loads(text)
    except (OSError, ValueError):
        raise UnusableKeyFile from None  # a parser's text may quote the file
    if info.get("type") != "service_account":
        return  # a person's own log-in, such as gcloud writes: not for others to talk with
    yield Offered(
        "GOOGLE_APPLICATION_CREDENTIALS",
        Credential.Kind.SERVICE_ACCOUNT,
        Credential.Endpoint.VERTEX,
        text,
        project=env.get("GOOGLE_CLOUD_PROJECT") or info.get("project_id", ""),
        location=env.get("GOOGLE_CLOUD_LOCATION") or DEFAULT_LOCATION,
    )


def use_simulator(tenant: Tenant, url: str, key: str) -> Credential:
    """Make the simulator the tenant's primary credential, at the address it has in this run."""
    wanted = Offered(SIMULATOR, Credential.Kind.API_KEY, Credential.Endpoint.DEVELOPER, key)
    credential = keep(tenant, wanted, base_url=url)
    if credential.state != Credential.State.ACTIVE:
        credential.state = Credential.State.ACTIVE
        credential.save(update_fields=["state"])
    make_primary(credential)
    return credential


def use_offered(tenant: Tenant, offered: Sequence[Offered]) -> Credential:
    """Keep all of them; the first becomes the primary one, which is returned."""
    kept = [keep(tenant, each) for each in offered]
    make_primary(kept[0])
    return kept[0]


def keep(tenant: Tenant, wanted: Offered, base_url: str = "") -> Credential:
    """Return the row named after the source, with this secret and place."""
    credential = Credential.objects.filter(tenant=tenant, name=wanted.source).first()
    if credential is None:
        credential = Credential(tenant=tenant, name=wanted.source)
    place = {
        "kind": wanted.kind,
        "endpoint": wanted.endpoint,
        "project": wanted.project,
        "location": wanted.location,
        "base_url": base_url,
    }
    changed = {name for name, value in place.items() if getattr(credential, name) != value}
    for name, value in place.items():
        setattr(credential, name, value)
    if not holds(credential, wanted):
        set_secret(credential, wanted.secret)
        changed.add("secret")
    if changed:
        credential.save()
    return credential


def holds(credential: Credential, wanted: Offered) -> bool:
    """Whether the row has this secret already. Secrets are write-only: fingerprints tell."""
    if credential.state == Credential.State.UNDECRYPTABLE:
        return False
    fresh = Credential(tenant=credential.tenant, kind=wanted.kind)
    set_secret(fresh, wanted.secret)
    return fresh.fingerprint == credential.fingerprint


def make_primary(credential: Credential) -> None:
    if credential.is_primary:
        return
    Credential.objects.filter(tenant=credential.tenant_id, is_primary=True).update(is_primary=False)
    credential.is_primary = True
    credential.save(update_fields=["is_primary"])
