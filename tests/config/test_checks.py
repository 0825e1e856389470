"""Settings that are not safe together are told before anything is served."""

from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage

from config.checks import (
    check_cookies,
    check_insecure_settings,
    check_keyset,
    check_link_tls,
)


def ids(messages: list[CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.fixture
def safe(settings: Any) -> Any:
    settings.DEMO = False
    settings.DEBUG = False
    settings.SECRET_KEY = "k" * 50
    settings.ALLOWED_HOSTS = ["parley.example"]
    settings.PUBLIC_URL = "https://parley.example"
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    return settings


def test_safe_settings_pass(safe: Any) -> None:
    assert check_insecure_settings() == check_cookies() == []


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("DEBUG", True, "config.E001"),
        ("SECRET_KEY", "short", "config.E002"),
        ("ALLOWED_HOSTS", ["*"], "config.E003"),
        ("PUBLIC_URL", "http://parley.example", "config.W001"),
    ],
)
def test_each_insecure_setting_is_told(safe: Any, name: str, value: object, found: str) -> None:
    setattr(safe, name, value)
    assert ids(check_insecure_settings()) == [found]


def test_the_demo_asked_for_it(safe: Any) -> None:
    safe.DEMO, safe.DEBUG, safe.SECRET_KEY = True, True, "short"
    assert check_insecure_settings() == []


@pytest.mark.parametrize("address", ["http://localhost:8000", "http://[::1]:8000"])
def test_this_machine_needs_no_tls(safe: Any, address: str) -> None:
    safe.PUBLIC_URL = address
    assert check_insecure_settings() == []


def test_cookies_are_for_https_alone(safe: Any) -> None:
    safe.SESSION_COOKIE_SECURE = False
    assert ids(check_cookies()) == ["config.E004"]
    safe.PUBLIC_URL = "http://localhost:8000"
    assert check_cookies() == []


def test_the_secret_is_not_in_the_message(safe: Any) -> None:
    safe.SECRET_KEY = "hunter2"
    assert "hunter2" not in str(check_insecure_settings())


def test_a_missing_keyset_is_a_warning(settings: Any, tmp_path: Path) -> None:
    settings.KEYSET_FILE = str(tmp_path / "keyset.json")
    assert ids(check_keyset()) == ["config.W002"]


def test_a_keyset_that_cannot_be_read_is_an_error(settings: Any, tmp_path: Path) -> None:
    settings.KEYSET_FILE = str(tmp_path)
    assert ids(check_keyset()) == ["config.E005"]


def test_a_readable_keyset_passes(settings: Any, keyset_file: Path) -> None:
    settings.KEYSET_FILE = str(keyset_file)
    assert check_keyset() == []


def test_link_tls_is_whole_and_its_files_can_be_used(settings: Any, tmp_path: Path) -> None:
    assert ids(check_link_tls()) == []
    settings.LINK_TLS_CERT = str(tmp_path / "absent.pem")
    assert ids(check_link_tls()) == ["config.E006", "config.E007"]
    settings.LINK_TLS_CA = str(tmp_path / "nonsense.pem")
    (tmp_path / "nonsense.pem").write_text("no certificate")
    assert ids(check_link_tls()) == ["config.E007", "config.E007"]
