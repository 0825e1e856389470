"""Sealed rows of every kind, and people who work with them while a keyset is rotated."""

import random
import threading
from dataclasses import dataclass, field
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db import connections

from accounts.keyset.sealing import current
from accounts.models import Credential, Tenant, User
from accounts.resealing import Survey, survey
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, Lease

SECRET = Credential.sealed_secret.field
CREDENTIALS = "accounts.Credential.sealed_secret"
HANDLES = "conversations.Lease.sealed_handle"
APPS = "mfa.Authenticator.data.secret"
CODES = "mfa.Authenticator.data.seed"


def make_credentials(tenant: Tenant, count: int) -> list[Credential]:
    """Each with a secret that names its row."""
    rows = [
        Credential(tenant=tenant, name=f"key {number}", kind="api_key", endpoint="developer")
        for number in range(count)
    ]
    for row in rows:
        row.sealed_secret = SECRET.seal(row, secret_of(row.pk))
    with platform_scope("test"):
        Credential.objects.bulk_create(rows)
    return rows


def secret_of(pk: UUID) -> bytes:
    return f"canary-{pk}".encode()


def make_handles(tenant: Tenant, count: int) -> list[Lease]:
    with platform_scope("test"):
        agent = Agent.objects.create(tenant=tenant, slug="sealed", name="Sealed")
        leases = []
        for _ in range(count):
            conversation = Conversation.objects.create(tenant=tenant, agent=agent)
            lease = Lease(tenant=tenant, conversation=conversation)
            lease.sealed_handle = lease.seal_handle(str(conversation.pk))
            lease.save()
            leases.append(lease)
    return leases


def make_second_factors(user: User) -> None:
    """An authenticator app and recovery codes, as allauth stores them."""
    Authenticator.objects.create(user=user, type="totp", data={"secret": encrypt("canary-totp")})
    Authenticator.objects.create(
        user=user, type="recovery_codes", data={"seed": encrypt("canary-seed"), "used_mask": 0}
    )


def look() -> Survey:
    return survey(current().handle)


def assert_all_open_with(key_id: int, expected: dict[str, int]) -> None:
    """Every row opens, is sealed with this key, and holds what it has always held."""
    found = look()
    assert {place: count for (place, key), count in found.opened.items() if key == key_id} == (
        expected
    )
    assert (found.opened.total(), found.missing, found.broken) == (sum(expected.values()), {}, {})
    with platform_scope("test"):
        for row in Credential.objects.all():
            assert SECRET.unseal(row) == secret_of(row.pk)
        for lease in Lease.objects.exclude(sealed_handle=None):
            assert lease.open_handle() == str(lease.conversation_id)
    for factor in Authenticator.objects.all():
        kind = "secret" if "secret" in factor.data else "seed"
        assert decrypt(factor.data[kind]) == {"secret": "canary-totp", "seed": "canary-seed"}[kind]


@dataclass
class Worker(threading.Thread):
    """Reads, opens, seals and saves random rows until it is told to stop, as requests do."""

    pks: list[UUID]
    opened: int = 0
    failures: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._stopped = threading.Event()
        self._busy = threading.Event()

    # A dataclass with `eq` has no hash, and threads are kept in a set.
    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        chance = random.Random(4)
        try:
            while not self._stopped.is_set():
                self._work(chance.choice(self.pks), chance.randrange(3))
                self._busy.set()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.failures.append(error)
            self._busy.set()
        finally:
            connections.close_all()

    def _work(self, pk: UUID, kind: int) -> None:
        with platform_scope("test"):
            row = Credential.objects.get(pk=pk)
            if kind == 1:  # a new secret
                sealed = SECRET.seal(row, secret_of(pk))
                Credential.objects.filter(pk=pk).update(sealed_secret=sealed)
            elif kind == 2:  # a form that saves the whole row as it was read
                row.save()
            again = Credential.objects.get(pk=pk)
        for each in (row, again):
            assert SECRET.unseal(each) == secret_of(pk)
            self.opened += 1

    def wait_for_work(self) -> None:
        """Return when one more row was worked with: so the two really take turns."""
        self._busy.clear()
        assert self._busy.wait(30)

    def __enter__(self) -> "Worker":
        self.start()
        self.wait_for_work()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self.join(30)
        assert not self.is_alive()
