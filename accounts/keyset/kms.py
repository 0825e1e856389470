"""The key management service whose key encrypts the keyset file (KEYSET_KMS_URI).

The service is asked when a process reads the file, which is at its start and after a rotation;
sealing and opening never wait for it.
"""

from collections.abc import Callable
from importlib import import_module

import tink
from tink import aead

from accounts.keyset.errors import KmsNotInstalled, KmsRefused, KmsUnsupported

# Scheme of the URI -> Tink's module, its client and the extra that brings both.
_CLIENTS = {
    "gcp-kms": ("tink.integration.gcpkms", "GcpKmsClient", "gcpkms"),
    "aws-kms": ("tink.integration.awskms", "AwsKmsClient", "awskms"),
}


class KmsKey(aead.Aead):  # type: ignore[misc]  # tink has no types
    """A key of a service, which never leaves it. The service's account is the machine's own."""

    def __init__(self, uri: str) -> None:
        """Raises KmsError if there is no such service, or its library is not installed."""
        self._aead = _aead_of(uri)

    def encrypt(self, plaintext: bytes, associated_data: bytes) -> bytes:
        return self._ask(self._aead.encrypt, plaintext, associated_data)

    def decrypt(self, ciphertext: bytes, associated_data: bytes) -> bytes:
        return self._ask(self._aead.decrypt, ciphertext, associated_data)

    def _ask(self, method: Callable[[bytes, bytes], bytes], data: bytes, bound_to: bytes) -> bytes:
        try:
            return method(data, bound_to)
        except Exception as error:  # noqa: BLE001 - each service's library has errors of its own
            raise _refused(error) from None


def _aead_of(uri: str) -> aead.Aead:
    scheme = uri.partition("://")[0]
    if scheme in _CLIENTS:
        module, name, extra = _CLIENTS[scheme]
        try:
            client_of = getattr(import_module(module), name)
        except ImportError:
            raise KmsNotInstalled(extra) from None
        try:
            return client_of(uri, None).get_aead(uri)
        except Exception as error:  # noqa: BLE001 - such as a machine without an account
            raise _refused(error) from None
    try:
        # A service that the installation has made known to Tink itself.
        return tink.kms_client_from_uri(uri).get_aead(uri)
    except tink.TinkError:
        raise KmsUnsupported("KEYSET_KMS_URI names no key management service.") from None


def _refused(error: Exception) -> KmsRefused:
    # Without its text, which a library may have filled with what it was given.
    cause = error.args[0] if error.args and isinstance(error.args[0], Exception) else error
    name = type(cause).__name__
    return KmsRefused(f"The key of KEYSET_KMS_URI cannot be used ({name}).")
