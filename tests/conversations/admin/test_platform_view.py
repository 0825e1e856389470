from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.tenancy import platform_scope
from conversations.admin.platform_view import platform_view
from conversations.models import Lease, WorkerProcess
from tests.cast import Cast
from tests.conversations.talks import ago, make_agent, make_open, signed_in

pytestmark = pytest.mark.django_db


def test_tenants_and_workers(cast: Cast, keyset_file: object) -> None:
    WorkerProcess.objects.enrol("w-1", "127.0.0.1:5000", 500)
    WorkerProcess.objects.enrol("idle", "127.0.0.1:5001", 500)
    agent = make_agent(cast.acme.tenant)
    soon = timezone.now() + timedelta(seconds=3)
    for expires in (soon, soon, ago(seconds=1)):
        make_open(agent, cast.acme.member, expires)
    with platform_scope("test"):
        Lease.objects.update(worker="w-1", address="127.0.0.1:5000")
        view = platform_view()
    assert {row.tenant.slug: row.live for row in view.tenants} == {"acme": 3, "globex": 0}
    assert not view.more_tenants
    assert [(row.name, row.address, row.sessions, row.state) for row in view.workers] == [
        ("w-1", "127.0.0.1:5000", 2, "Takes on"),
        ("idle", "127.0.0.1:5001", 0, "Takes on"),
    ]
    assert view.keyset.ok


def test_only_operators_see_it(cast: Cast, keyset_file: object) -> None:
    page = signed_in(cast.operator).get("/admin/").text
    assert 'data-testid="tenants"' in page
    assert "Globex" in page
    assert "Secrets can be sealed and opened." in page
    assert "Keyset" not in signed_in(cast.acme.owner).get("/admin/").text
