import pytest
from pytest_django.fixtures import Settings

from accounts.places import is_google, may_be_used, origin_of, other_origins
from accounts.tenancy import tenant_scope
from tests.accounts.admin.desk import store
from tests.cast import Cast

GOOGLE = "https://generativelanguage.googleapis.com"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://oauth2.googleapis.com/token", True),
        ("http://oauth2.googleapis.com/token", False),
        ("https://googleapis.com.example/token", False),
        ("https://xgoogleapis.com/token", False),
        ("oauth2.googleapis.com", False),
    ],
)
def test_googles_own(url: str, expected: bool) -> None:
    assert is_google(url) is expected


def test_an_origin() -> None:
    assert origin_of("HTTP://Localhost:9/token?x") == "http://localhost:9"


@pytest.mark.django_db
def test_others_are_those_that_an_operator_set(
    cast: Cast, keyset_file: object, settings: Settings
) -> None:
    settings.GEMINI_BASE_URL, settings.DEMO = GOOGLE, False
    store(cast.acme.tenant, base_url="http://127.0.0.1:9")
    with tenant_scope(cast.acme.tenant.pk):
        assert other_origins() == ["http://127.0.0.1:9"]
        assert may_be_used("http://127.0.0.1:9/token")
        assert not may_be_used("http://127.0.0.1:8/token")
        assert not may_be_used("http://[broken")
    with tenant_scope(cast.globex.tenant.pk):
        assert other_origins() == []
        assert not may_be_used("http://127.0.0.1:9/token")
        assert may_be_used("https://oauth2.googleapis.com/token")
        settings.GEMINI_BASE_URL = "https://gemini.proxy.example/base"
        assert may_be_used("https://gemini.proxy.example/token")
        settings.DEMO = True
        assert may_be_used("http://127.0.0.1:8/token")
        assert not may_be_used("http://10.0.0.1/token")
