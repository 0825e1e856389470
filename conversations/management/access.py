"""`.demo/access.json`: the log-ins and keys of the demo, for people, tests and tools.

Passwords and API keys are kept as hashes in the database, so this file is also how a
second run knows what the first one gave out.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import msgspec

WORDS = (
    "amber anchor autumn barley basil beacon birch cedar clover cobalt copper coral cotton "
    "delta ember fennel fern garnet ginger harbor hazel indigo ivory jasper juniper lagoon "
    "lantern linen maple marble meadow nutmeg olive orchard pebble pepper quartz raven river "
    "saffron sage slate spruce summit thistle timber tulip velvet walnut willow winter"
).split()


class SimulatorAccess(msgspec.Struct):
    url: str
    tls_url: str
    api_key: str
    key_file: str = ""  # a service account's; the demo's simulator makes it


class LogIn(msgspec.Struct):
    email: str
    password: str


class MemberAccess(msgspec.Struct):
    email: str
    password: str
    role: str


class AgentAccess(msgspec.Struct):
    id: str
    name: str


class KeyAccess(msgspec.Struct):
    key: str
    scopes: list[str]


class TenantAccess(msgspec.Struct):
    slug: str
    name: str
    agents: list[AgentAccess] = []
    users: list[MemberAccess] = []
    api_keys: list[KeyAccess] = []


class Access(msgspec.Struct):
    base_url: str
    tls_url: str
    ca_file: str
    simulator: SimulatorAccess
    operator: LogIn
    tenants: list[TenantAccess]


def read_access(path: Path) -> Access | None:
    """Return what an earlier run wrote, or None without such a file.

    Raises msgspec.MsgspecError for a file that is not ours.
    """
    return msgspec.json.decode(path.read_bytes(), type=Access) if path.exists() else None


def write_access(path: Path, access: Access) -> None:
    """Replace the file in one step; only its owner may read it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(access), indent=2) + b"\n")
    new.replace(path)


def passwords_of(access: Access | None) -> dict[str, str]:
    """Return e-mail address -> password."""
    if access is None:
        return {}
    members = {user.email: user.password for tenant in access.tenants for user in tenant.users}
    return {access.operator.email: access.operator.password, **members}


def keys_of(access: Access | None, slug: str) -> list[KeyAccess]:
    tenants = access.tenants if access else []
    return [key for tenant in tenants if tenant.slug == slug for key in tenant.api_keys]


def readable_password() -> str:
    """Easy to read aloud and type: 3 of 50 words and 4 digits, 30 bits. For a demo only."""
    words = [secrets.choice(WORDS) for _ in range(3)]
    return "-".join([*words, f"{secrets.randbelow(10_000):04}"])
