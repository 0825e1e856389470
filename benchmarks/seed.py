"""A child of the benchmark: makes the keyset, the tables, one tenant with its agent and key.

`python benchmarks/seed.py <simulator url> <simulator key>`, with Parley's environment; it
prints `{"agent": id, "key": API key}`. A process of its own, so that the generator never
loads Django.
"""

# ruff: noqa: PLC0415 - models exist only once Django is set up

from __future__ import annotations

import json
import os
import sys
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "platform"))


def main(simulator_url: str, simulator_key: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("keyset", "create", stdout=StringIO())
    call_command("migrate", verbosity=0)
    print(json.dumps(seed(simulator_url, simulator_key)))


def seed(simulator_url: str, simulator_key: str) -> dict[str, str]:
    from accounts.api_keys import create_api_key
    from accounts.credentials import set_secret
    from accounts.models import Credential, Tenant
    from accounts.tenancy import tenant_scope
    from conversations.models import Agent

    tenant = Tenant.objects.create(slug="bench", name="Bench")
    with tenant_scope(tenant.pk):
        agent = Agent.objects.create(slug="echo", name="Echo", prompt="Repeat what you hear.")
        credential = Credential(
            tenant=tenant,
            name="simulator",
            kind=Credential.Kind.API_KEY,
            endpoint=Credential.Endpoint.DEVELOPER,
            base_url=simulator_url,
            is_primary=True,
        )
        set_secret(credential, simulator_key)
        credential.state = Credential.State.ACTIVE
        credential.save()
        _, key = create_api_key(tenant, "load", ["talk"])
    return {"agent": str(agent.pk), "key": key}


if __name__ == "__main__":
    main(*sys.argv[1:])
