import pytest
from pytest_django.fixtures import Settings

from accounts.admin.credential_form import CredentialForm, WriteOnlyTextarea
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.admin.desk import SECRET, store
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_the_field_never_gives_back_what_was_entered() -> None:
    assert SECRET not in WriteOnlyTextarea().render("secret", SECRET)


def test_a_tenant_chooses_among_known_addresses(
    cast: Cast, keyset_file: object, settings: Settings
) -> None:
    settings.GEMINI_BASE_URL = "https://generativelanguage.googleapis.com"
    with tenant_scope(cast.acme.tenant.pk):
        assert "base_url" not in CredentialForm().fields
    store(cast.acme.tenant, base_url="http://127.0.0.1:9/path")
    with tenant_scope(cast.acme.tenant.pk):
        choices = CredentialForm().fields["base_url"].choices  # type: ignore[attr-defined]
    assert list(choices) == [("", "Google's own"), ("http://127.0.0.1:9", "http://127.0.0.1:9")]
    with tenant_scope(cast.globex.tenant.pk):
        assert "base_url" not in CredentialForm().fields


def test_what_has_to_be_tried(cast: Cast, keyset_file: object) -> None:
    stored = store(cast.acme.tenant)
    with platform_scope("test"):
        renamed = CredentialForm({"name": "other", "endpoint": "developer"}, instance=stored)
        moved = CredentialForm({"name": "main", "endpoint": "vertex"}, instance=stored)
        assert not renamed.wants_trial
        assert moved.wants_trial
