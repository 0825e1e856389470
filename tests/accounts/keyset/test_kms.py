import pytest
from tink.testing import fake_kms

from accounts.keyset import KmsNotInstalled, KmsRefused, KmsUnsupported
from accounts.keyset.kms import KmsKey


def test_what_a_key_encrypts_it_decrypts(kms_uri: str) -> None:
    key = KmsKey(kms_uri)
    sealed = key.encrypt(b"keyset", b"")
    assert b"keyset" not in sealed
    assert KmsKey(kms_uri).decrypt(sealed, b"") == b"keyset"


def test_another_key_does_not(kms_uri: str, other_kms_uri: str) -> None:
    with pytest.raises(KmsRefused, match=r"cannot be used \(TinkError\)") as raised:
        KmsKey(other_kms_uri).decrypt(KmsKey(kms_uri).encrypt(b"canary", b""), b"")
    assert "KEYSET_KMS_URI" in raised.value.fix
    assert raised.value.__suppress_context__


@pytest.mark.parametrize("scheme", ["gcp-kms", "aws-kms"])
def test_a_library_that_is_not_installed_is_named(scheme: str) -> None:
    with pytest.raises(KmsNotInstalled) as raised:
        KmsKey(f"{scheme}://some/key")
    extra = scheme.replace("-", "")
    assert f"tink[{'gcpkms' if extra == 'gcpkms' else 'awskms'}]" in raised.value.fix


@pytest.mark.parametrize("uri", ["vault", "file:///keyset", "hcvault://host/key"])
def test_another_service_is_refused(uri: str) -> None:
    fake_kms.register_client()
    with pytest.raises(KmsUnsupported):
        KmsKey(uri)
