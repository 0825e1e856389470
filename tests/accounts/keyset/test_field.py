import pytest
from django.db import models

from accounts.ids import uuid7
from accounts.keyset import Binding, SealedField, Unsealable, unseal
from accounts.models import Credential, Tenant
from conversations.models import Lease

pytestmark = pytest.mark.usefixtures("keyset_file")
SECRET = Credential.sealed_secret.field


def test_a_secret_opens_in_its_row_alone() -> None:
    tenant = Tenant()
    mine, neighbour = Credential(tenant=tenant), Credential(tenant=tenant)
    stranger = Credential(pk=mine.pk, tenant=Tenant())
    for row in (mine, neighbour, stranger):
        row.sealed_secret = SECRET.seal(mine, b"canary")
    assert SECRET.unseal(mine) == b"canary"
    for thief in (neighbour, stranger):
        with pytest.raises(Unsealable):
            SECRET.unseal(thief)


def test_a_secret_opens_in_its_column_alone() -> None:
    credential = Credential(tenant=Tenant())
    lease = Lease(tenant_id=credential.tenant_id, conversation_id=credential.pk)
    lease.sealed_handle = SECRET.seal(credential, b"canary")
    assert lease.open_handle() is None


def test_the_bindings_are_what_they_have_always_been() -> None:
    """Stored rows are bound to these words: changing one locks them out."""
    credential, conversation = Credential(tenant=Tenant()), uuid7()
    place = Binding(credential.tenant_id, credential.pk, "credential.secret")
    assert unseal(SECRET.seal(credential, b"x"), place) == b"x"
    lease = Lease(tenant_id=credential.tenant_id, conversation_id=conversation)
    place = Binding(credential.tenant_id, conversation, "handle")
    assert unseal(lease.seal_handle("x"), place) == b"x"


def test_a_migration_sees_a_plain_column() -> None:
    field = SealedField(purpose="a", row="user_id", null=True)
    _, path, arguments, options = field.deconstruct()
    assert (path, arguments, options) == ("django.db.models.BinaryField", [], {"null": True})
    clone = field.clone()
    assert (clone.purpose, clone.row, clone.null) == ("a", "user_id", True)


def test_the_row_is_named_by_a_field_of_the_database() -> None:
    assert SECRET.row_attribute == "id"
    assert Lease.sealed_handle.field.row_attribute == "conversation_id"
    assert isinstance(SECRET, models.BinaryField)
