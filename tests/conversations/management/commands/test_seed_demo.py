"""`manage.py seed_demo`: everything the demo needs, once, with log-ins that work."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.callers import caller_from_api_key
from accounts.models import Credential, Tenant, User
from accounts.roles import Permission, Role
from accounts.tenancy import platform_scope
from conversations.models import Agent, Conversation, Turn

SEEDED: list[Any] = [User, Tenant, Credential, Agent, Conversation, Turn]
KEY = "AIza-not-a-real-key-0123456789"


@pytest.fixture
def fast_hashing(settings: Any, db: None) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class Demo:
    """The command, run against one access file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.said = ""

    def seed(self, **options: Any) -> dict[str, Any]:
        out = StringIO()
        wanted = {"simulator_url": "http://127.0.0.1:9", "simulator_key": "sim-0123456789abcdef"}
        call_command("seed_demo", access_file=self.path, stdout=out, **{**wanted, **options})
        self.said = out.getvalue()
        access: dict[str, Any] = json.loads(self.path.read_text())
        return access


@pytest.fixture
def demo(tmp_path: Path, fast_hashing: None) -> Demo:
    return Demo(tmp_path / "access.json")


def rows() -> dict[str, list[Any]]:
    with platform_scope("test"):
        return {model.__name__: list(model.objects.order_by("pk").values()) for model in SEEDED}


def test_everybody_can_log_in(demo: Demo, client: Client) -> None:
    access = demo.seed()
    assert [tenant["slug"] for tenant in access["tenants"]] == ["acme", "globex"]
    for tenant in access["tenants"]:
        assert [user["role"] for user in tenant["users"]] == list(Role)
        for user in tenant["users"]:
            assert client.login(username=user["email"], password=user["password"])
    assert client.login(
        username=access["operator"]["email"], password=access["operator"]["password"]
    )
    assert User.objects.get(email=access["operator"]["email"]).is_superuser


def test_the_keys_open_their_own_tenant(demo: Demo) -> None:
    for tenant in demo.seed()["tenants"]:
        caller = caller_from_api_key(tenant["api_keys"][0]["key"])
        assert caller is not None
        assert caller.tenant_id == Tenant.objects.get(slug=tenant["slug"]).id
        assert caller.may(Permission.READ_API)
        assert caller.may(Permission.TALK)


def test_each_agent_is_named_with_its_id(demo: Demo) -> None:
    named = {
        agent["id"]: agent["name"]
        for tenant in demo.seed()["tenants"]
        for agent in tenant["agents"]
    }
    with platform_scope("test"):
        assert named == {str(agent.id): agent.name for agent in Agent.objects.all()}
    assert sorted(named.values()) == ["Service desk", "Shop assistant", "Story teller"]


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    access, before = demo.seed(), rows()
    assert demo.seed() == access
    assert rows() == before


def test_a_lost_access_file_is_made_anew(demo: Demo, client: Client) -> None:
    old = demo.seed()
    demo.path.unlink()
    new = demo.seed()
    assert new["operator"]["password"] != old["operator"]["password"]
    user = new["tenants"][0]["users"][0]
    assert client.login(username=user["email"], password=user["password"])
    assert caller_from_api_key(new["tenants"][0]["api_keys"][0]["key"])


def test_the_addresses_of_this_run_are_written(demo: Demo) -> None:
    demo.seed()
    access = demo.seed(
        base_url="http://localhost:8001",
        tls_url="https://127.0.0.1:8444",
        ca_file="/ca.pem",
        simulator_url="http://127.0.0.1:77",
        simulator_tls_url="https://127.0.0.1:78",
    )
    assert (access["base_url"], access["tls_url"]) == (
        "http://localhost:8001",
        "https://127.0.0.1:8444",
    )
    assert access["simulator"]["url"] == "http://127.0.0.1:77"
    with platform_scope("test"):
        assert {row.base_url for row in Credential.objects.all()} == {"http://127.0.0.1:77"}


def test_a_real_key_is_imported_and_said_aloud(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    demo.seed()
    assert "imported GEMINI_API_KEY" in demo.said
    assert KEY not in demo.said + demo.path.read_text()
    with platform_scope("test"):
        primaries = Credential.objects.filter(is_primary=True).select_related("tenant")
        assert {row.tenant.slug: row.name for row in primaries} == {
            "acme": "GEMINI_API_KEY",
            "globex": "Simulator",
        }


def test_real_without_credentials_stops_and_says_why(demo: Demo) -> None:
    with pytest.raises(CommandError, match="GEMINI_API_KEY"):
        demo.seed(real=True)
    assert not demo.path.exists()
    assert not User.objects.exists()


def test_a_word_that_is_no_key_stops_too(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "short")
    with pytest.raises(CommandError) as caught:
        demo.seed()
    assert "short" not in str(caught.value)
