import json

import pytest
from pytest_django.fixtures import Settings

from accounts.tenancy import tenant_scope
from conversations.models import Agent, AgentTool
from conversations.tools.loading import Locked
from conversations.tools.trying import HIDDEN, Trial, read_arguments, try_tool
from tests.conversations.tools.rows import SECRET, allow, make_tool
from tests.conversations.tools.shop import HOST, Reply, Shop

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("keyset_file")]


@pytest.fixture
def tool(agent: Agent, shop: Shop, settings: Settings) -> AgentTool:
    settings.TOOL_PRIVATE_HOSTS = [HOST]
    allow(agent, HOST)
    return make_tool(agent, url=shop.url)


def tried(tool: AgentTool) -> Trial:
    with tenant_scope(tool.tenant_id):
        return try_tool(tool, {"size": 42})


def test_what_went_and_what_came(tool: AgentTool, shop: Shop) -> None:
    shop.replies = [Reply(body=b'{"pairs": 2}')]
    trial = tried(tool)
    assert (trial.status, trial.fault) == (200, "")
    assert json.loads(trial.answer) == json.loads(trial.told) == {"pairs": 2}
    assert trial.request.startswith("POST /stock\nHost: 127.0.0.1:")
    assert f"Authorization: {HIDDEN}" in trial.request
    assert "webhook-signature: v1," in trial.request
    assert trial.request.endswith('{\n  "size": 42\n}')
    assert "sesame" not in repr(trial)
    assert SECRET not in repr(trial)


def test_errors_and_other_answers(tool: AgentTool, shop: Shop) -> None:
    shop.replies = [
        Reply(404, b"no such size", {"Content-Type": "text/plain"}),
        Reply(200, b"two pairs", {"Content-Type": "text/plain"}),
        Reply(200, b"\xff", {"Content-Type": "image/png"}),
        Reply(204, b"", {}),
    ]
    missing = tried(tool)
    assert (missing.status, missing.answer) == (404, "no such size")
    assert "http_404" in missing.told
    assert tried(tool).answer == "two pairs"
    assert "neither JSON nor text" in tried(tool).fault
    assert tried(tool).answer == ""


def test_without_an_answer(tool: AgentTool) -> None:
    tool.url = "https://elsewhere.example/"
    assert "allowed hosts" in tried(tool).fault
    tool.url, tool.timeout_ms = "http://127.0.0.1:1/", 0
    assert "No answer within 0 s" in tried(tool).fault
    tool.sealed_headers = tool.sealed_secret
    assert tried(tool).fault == Locked.SUMMARY


@pytest.mark.parametrize(
    ("text", "args", "fault"),
    [
        ("", {}, ""),
        ('{"a": 1}', {"a": 1}, ""),
        ('{\n"a": }', {}, "This is no JSON: line 2"),
        ("[]", {}, "Arguments are an object"),
        ("[" * 100_000, {}, "nested"),
    ],
)
def test_arguments(text: str, args: object, fault: str) -> None:
    found, said = read_arguments(text)
    assert found == args
    assert said.startswith(fault) if fault == "" else fault in said
