import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from accounts.models import Credential
from accounts.rotation.key_pair import (
    NOT_NAMED_YET,
    KeyPair,
    due_at,
    make_key_pair,
    name_key,
    public_half,
    replacement_of,
    wipe,
)
from tests.accounts.rotation.bench import NOW, Bench


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return make_key_pair(NOW)


def secret(row: Credential) -> dict[str, str]:
    opened: dict[str, str] = json.loads(Credential.sealed_secret.field.unseal(row))
    return opened


def test_the_certificate_is_of_the_private_key(pair: KeyPair) -> None:
    private = serialization.load_pem_private_key(pair.private.encode(), None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == 2048
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    assert certificate.public_key() == private.public_key()
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    certificate.verify_directly_issued_by(certificate)
    half = serialization.load_der_public_key(public_half(pair.certificate))
    assert half == private.public_key()
    assert "PRIVATE" not in repr(pair)


@pytest.mark.django_db
def test_a_replacement_is_the_old_one_with_another_key(bench: Bench, pair: KeyPair) -> None:
    old = bench.credential(
        is_primary=True, rotate_every_days=90, position=3, name="Shop", rotates_by_itself=False
    )
    new = replacement_of(old, pair, NOW)
    for same in ("tenant_id", "name", "endpoint", "project", "location", "base_url", "position"):
        assert getattr(new, same) == getattr(old, same), same
    assert (new.pk != old.pk, new.is_primary, new.state) == (True, False, "pending")
    assert (new.rotates_by_itself, new.rotation_due_at) == (False, NOW + timedelta(days=90))
    changed = {"private_key": pair.private, "private_key_id": NOT_NAMED_YET}
    assert secret(new) == secret(old) | changed
    name_key(new, "named")
    assert (new.key_id, new.version) == ("named", 2)
    assert secret(new)["private_key_id"] == "named"
    wipe(new)
    assert (new.sealed_secret, new.state) == (b"", "revoked")


def test_when_a_key_is_due() -> None:
    assert due_at(NOW, None) is None
    assert due_at(NOW, 30) == NOW + timedelta(days=30)
