import asyncio
import threading
from collections.abc import Iterator

import pytest
from django.db import connection, connections

from accounts.database import close_database_threads, in_database
from accounts.ids import uuid7
from accounts.models import Tenant
from accounts.tenancy import NoTenantScope, TenantScope, current_scope, require_scope, tenant_scope

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    yield
    close_database_threads()


async def test_runs_elsewhere_with_its_arguments() -> None:
    def work(left: int, *, right: int) -> tuple[int, str]:
        return left + right, threading.current_thread().name

    total, thread = await in_database(work, 1, right=2)
    assert total == 3
    assert thread.startswith("database")


async def test_the_orm_works_there() -> None:
    made = await in_database(Tenant.objects.create, slug="acme", name="Acme")
    assert await in_database(Tenant.objects.get) == made


async def test_the_scope_goes_with_it() -> None:
    tenant_id = uuid7()
    with tenant_scope(tenant_id):
        assert await in_database(current_scope) == TenantScope(tenant_id)
    with pytest.raises(NoTenantScope):
        await in_database(require_scope)


async def test_nothing_comes_back_but_the_answer() -> None:
    def enter_and_stay() -> None:
        tenant_scope(uuid7()).__enter__()

    await in_database(enter_and_stay)
    assert current_scope() is None
    assert await in_database(current_scope) is None


async def test_the_loop_goes_on_meanwhile() -> None:
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> bool:
        loop.call_soon_threadsafe(started.set)
        return release.wait(10)

    waiting = asyncio.create_task(in_database(work))
    await started.wait()
    release.set()
    assert await waiting


async def test_cancelling_leaves_the_thread_usable() -> None:
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        release.wait(10)

    waiting = asyncio.create_task(in_database(work))
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert await in_database(Tenant.objects.count) == 0


async def test_one_thread_for_sqlite_and_some_for_others() -> None:
    count = 1 if connection.vendor == "sqlite" else 4
    together = threading.Barrier(count)

    def work() -> str:
        together.wait(10)
        return threading.current_thread().name

    names = await asyncio.gather(*(in_database(work) for _ in range(count)))
    assert len(set(names)) == count


async def test_connections_close_with_the_threads() -> None:
    opened = []

    def work() -> None:
        Tenant.objects.count()
        opened.append(connections["default"])

    await in_database(work)
    close_database_threads()
    if not getattr(connection, "is_in_memory_db", lambda: False)():
        assert opened[0].connection is None
    close_database_threads()  # nothing left to close
    assert await in_database(Tenant.objects.count) == 0
