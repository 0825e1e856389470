"""`.demo/access.json` keeps its fixed form, and keeps its secrets from other users."""

import json
import stat
from pathlib import Path

import msgspec
import pytest

from conversations.management.access import (
    Access,
    AgentAccess,
    KeyAccess,
    LogIn,
    MemberAccess,
    SimulatorAccess,
    TenantAccess,
    keys_of,
    passwords_of,
    read_access,
    readable_password,
    write_access,
)

ACCESS = Access(
    base_url="http://localhost:8000",
    tls_url="https://127.0.0.1:8443",
    ca_file="/ca.pem",
    simulator=SimulatorAccess("http://127.0.0.1:1", "https://127.0.0.1:2", "sim-key", "/key.json"),
    operator=LogIn("operator@parley.example", "one"),
    tenants=[
        TenantAccess(
            "acme",
            "Acme Shoes",
            [AgentAccess("1", "Shop assistant")],
            [MemberAccess("owner@acme.example", "two", "owner")],
            [KeyAccess("prl_key", ["read"])],
        )
    ],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "demo" / "access.json"


def test_has_the_fixed_form(path: Path) -> None:
    write_access(path, ACCESS)
    assert json.loads(path.read_text()) == {
        "base_url": "http://localhost:8000",
        "tls_url": "https://127.0.0.1:8443",
        "ca_file": "/ca.pem",
        "simulator": {
            "url": "http://127.0.0.1:1",
            "tls_url": "https://127.0.0.1:2",
            "api_key": "sim-key",
            "key_file": "/key.json",
        },
        "operator": {"email": "operator@parley.example", "password": "one"},
        "tenants": [
            {
                "slug": "acme",
                "name": "Acme Shoes",
                "agents": [{"id": "1", "name": "Shop assistant"}],
                "users": [{"email": "owner@acme.example", "password": "two", "role": "owner"}],
                "api_keys": [{"key": "prl_key", "scopes": ["read"]}],
            }
        ],
    }


def test_only_its_owner_may_read_it(path: Path) -> None:
    write_access(path, ACCESS)
    write_access(path, ACCESS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["access.json"]


def test_comes_back_as_it_was(path: Path) -> None:
    write_access(path, ACCESS)
    assert read_access(path) == ACCESS


def test_there_may_be_none_yet(path: Path) -> None:
    assert read_access(path) is None
    assert passwords_of(None) == {}
    assert keys_of(None, "acme") == []


def test_another_file_is_not_taken_for_ours(path: Path) -> None:
    path.parent.mkdir()
    path.write_text('{"base_url": 5}')
    with pytest.raises(msgspec.ValidationError):
        read_access(path)


def test_finds_passwords_and_keys() -> None:
    assert passwords_of(ACCESS) == {"operator@parley.example": "one", "owner@acme.example": "two"}
    assert keys_of(ACCESS, "acme") == [KeyAccess("prl_key", ["read"])]
    assert keys_of(ACCESS, "globex") == []


def test_a_password_is_long_enough_and_readable() -> None:
    password = readable_password()
    *words, number = password.split("-")
    assert len(password) >= 14
    assert all(word.isalpha() for word in words)
    assert number.isdigit()
