"""Working in the admin, in the words of a person who does."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import models
from django.test import Client

from accounts.confirmation import word_for
from accounts.credentials import set_secret
from accounts.models import AuditEntry, Credential, Tenant
from accounts.tenancy import platform_scope, tenant_scope
from live.simulator import Simulator

SECRET = "AIza-canary-0123456789-wxyz"


def add(client: Client, model: str, **fields: Any) -> Any:
    return client.post(f"/admin/accounts/{model}/add/", fields)


def act(client: Client, model: str, action: str, *rows: models.Model, yes: bool = True) -> Any:
    """Choose rows in a list and run an action, with its question answered."""
    chosen = [str(row.pk) for row in rows]
    fields = {"action": action, "_selected_action": chosen, "index": "0"}
    if yes:
        fields |= {"confirmed": "yes", "typed": word_for(rows)}
    return client.post(f"/admin/accounts/{model}/", fields, follow=True)


def audited() -> list[str]:
    """The actions of all audit entries, the oldest first."""
    with platform_scope("test"):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def store(tenant: Tenant, secret: str = SECRET, **fields: Any) -> Credential:
    kind = {"name": "main", "kind": "api_key", "endpoint": "developer"}
    credential = Credential(tenant=tenant, **{**kind, **fields})
    set_secret(credential, secret)
    with tenant_scope(tenant.pk):
        credential.save()
    return credential


@contextmanager
def simulator_in_thread(**options: Any) -> Iterator[Simulator]:
    """A simulator in a thread of its own: the test's has the database, and no event loop."""
    loop, simulator = asyncio.new_event_loop(), Simulator(**options)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(simulator.__aenter__(), loop).result(10)
    try:
        yield simulator
    finally:
        asyncio.run_coroutine_threadsafe(simulator.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
