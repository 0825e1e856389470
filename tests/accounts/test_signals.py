from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.models import ApiKey, Membership, Tenant
from accounts.signals import AccessEnded, access_ended, end_access
from accounts.tenancy import tenant_scope
from tests.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def heard() -> Iterator[list[AccessEnded]]:
    told: list[AccessEnded] = []

    def listen(ended: AccessEnded, **_: Any) -> None:
        told.append(ended)

    access_ended.connect(listen)
    yield told
    access_ended.disconnect(listen)


@pytest.fixture
def committing(django_capture_on_commit_callbacks: Any) -> Any:
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.mark.django_db(transaction=True)
def test_it_is_told_after_the_commit(heard: list[AccessEnded], cast: Cast) -> None:
    ended = AccessEnded(user_id=cast.stranger.pk)
    with transaction.atomic():
        end_access(ended)
        assert heard == []
    assert heard == [ended]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_is_not_told(heard: list[AccessEnded], cast: Cast) -> None:
    with transaction.atomic():
        end_access(AccessEnded(user_id=cast.stranger.pk))
        transaction.set_rollback(True)
    assert heard == []


def test_a_listener_that_fails_holds_nobody_up(
    heard: list[AccessEnded], cast: Cast, committing: Any
) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    access_ended.connect(fail)
    try:
        with committing():
            end_access(AccessEnded(user_id=cast.stranger.pk))
    finally:
        access_ended.disconnect(fail)
    assert len(heard) == 1


def test_a_suspended_tenant(heard: list[AccessEnded], cast: Cast, committing: Any) -> None:
    tenant = cast.acme.tenant
    with committing():
        tenant.name = "Acme Ltd"
        tenant.save()
    assert heard == []
    with committing():
        tenant.state = Tenant.State.SUSPENDED
        tenant.save()
    assert heard == [AccessEnded(tenant_id=tenant.pk)]


def test_a_membership(heard: list[AccessEnded], cast: Cast, committing: Any) -> None:
    ended = AccessEnded(tenant_id=cast.acme.tenant.pk, user_id=cast.acme.member.pk)
    with tenant_scope(cast.acme.tenant.pk):
        membership = Membership.objects.get(user=cast.acme.member)
        with committing():
            membership.state = Membership.State.DISABLED
            membership.save()
        with committing():
            membership.delete()
    assert heard == [ended, ended]


def test_a_key(heard: list[AccessEnded], cast: Cast, committing: Any) -> None:
    key, _ = create_api_key(cast.acme.tenant, "test", ["talk"])
    with committing():
        revoke_api_key(key, "system")
        revoke_api_key(key, "system")
    assert isinstance(key, ApiKey)
    assert heard == [AccessEnded(tenant_id=cast.acme.tenant.pk, api_key_id=key.pk)]


def test_a_closed_account(heard: list[AccessEnded], cast: Cast, committing: Any) -> None:
    member = cast.acme.member
    with committing():
        member.name = "Max"
        member.save(update_fields=["name"])
    assert heard == []
    with committing():
        member.is_active = False
        member.save()
    assert heard == [AccessEnded(user_id=member.pk)]


def test_a_log_out(heard: list[AccessEnded], cast: Cast, client: Client, committing: Any) -> None:
    client.force_login(cast.acme.member)
    with committing():
        client.post("/logout/")
        client.post("/logout/")  # nobody is left to leave
    assert heard == [AccessEnded(user_id=cast.acme.member.pk)]
