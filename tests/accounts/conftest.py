"""What tests of people share."""

import base64
from pathlib import Path

import pytest
import tink
from django.core.cache import cache
from pytest_django.fixtures import Settings
from tink import aead, proto_keyset_format, secret_key_access
from tink.testing import fake_kms

from accounts.keyset import create_keyset


@pytest.fixture
def own_cache(settings: Settings) -> None:
    """A cache of the test's own, so that no other test's sign-ins count against its limits."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def own_keyset(tmp_path: Path, settings: Settings) -> Path:
    """A keyset of the test's own, which `settings.KEYSET_FILE` names."""
    path = tmp_path / "keys" / "keyset.json"
    settings.KEYSET_FILE = str(path)
    create_keyset(path)
    return path


@pytest.fixture(scope="session")
def kms_uri() -> str:
    """A key of Tink's stand-in for a key management service; the URI itself holds the key."""
    fake_kms.register_client()
    return new_kms_uri()


@pytest.fixture(scope="session")
def other_kms_uri(kms_uri: str) -> str:
    return new_kms_uri()


def new_kms_uri() -> str:
    handle = tink.new_keyset_handle(aead.aead_key_templates.AES256_GCM)
    key = proto_keyset_format.serialize(handle, secret_key_access.TOKEN)
    return "fake-kms://" + base64.urlsafe_b64encode(key).decode().rstrip("=")
