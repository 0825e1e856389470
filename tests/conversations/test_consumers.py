"""The live socket through real processes: web, worker, PostgreSQL, Redis, the simulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.test import Client as DjangoClient
from django.utils import timezone
from websockets.exceptions import ConnectionClosed

from accounts.api_keys import create_api_key, find_api_key, revoke_api_key
from accounts.callers import Caller, EndUser
from accounts.database import in_database
from accounts.models import Membership, Tenant
from accounts.tenancy import tenant_scope
from conversations import protocol as p
from conversations.access_tokens import Wanted, mint, revoke
from conversations.models import AccessToken, Conversation
from conversations.states import ConversationState, EndReason, Medium, Speaker, TurnState
from live.simulator.speech import speak
from tests.cast import PASSWORD
from tests.children import Children
from tests.conversations.client import Client, dial
from tests.conversations.page import Page
from tests.conversations.quotas.ledger import limit

if TYPE_CHECKING:
    from accounts.models import User
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("shared_database")]

# What is promised of sockets whose access has ended, and what a busy machine may take besides.
ENDS_WITHIN_S = 2.0
TOLERANCE_S = 3.0


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[str]:
    """A web process and a worker process for all tests here; the base URL."""
    spawn = Children()
    try:
        spawn("worker", ready="serves at")
        web = spawn("web", "--port", "0", ready="Serving on")
        yield web.wait_for(r"Serving on (http://\S+)").group(1)
    finally:
        spawn.stop()


def live(page: Page) -> Callable[[], bool]:
    return lambda: page.picture.state == ConversationState.LIVE


def read_only_key(tenant: Tenant) -> str:
    _, key = create_api_key(tenant, "reader", ["read"])
    return key


def cookie_of(user: User) -> dict[str, str]:
    browser = DjangoClient()
    browser.login(email=user.email, password=PASSWORD)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={browser.cookies[name].value}"}


async def test_a_spoken_talk(server: str, stage: Stage) -> None:
    async with dial(server) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))
        await client.speak(speak("Hello, count to three", 16_000))
        await client.speak(bytes(32_000))
        await client.page.until(client.page.answered)
        assert "count to three" in client.page.said(Speaker.USER)[0].lower()
        assert "three" in client.page.said(Speaker.AGENT)[0].lower()
        assert client.page.audio_bytes > 24_000
        await client.say(p.End())
        await client.page.until(lambda: client.page.picture.ended == EndReason.USER_LEFT)
        assert await client.closed() == (1000, "ended")


async def test_speaking_over_a_story_interrupts_it(server: str, stage: Stage) -> None:
    async with dial(server) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))
        await client.say(p.SendText(id="1", text="Tell me a long story"))
        await client.page.until(lambda: client.page.audio_bytes > 48_000)
        await client.speak(speak("Stop, thank you", 16_000))
        await client.speak(bytes(32_000))
        await client.page.until(lambda: client.page.answered(2))
        story = next(t for t in client.page.picture.turns if t.speaker == Speaker.AGENT)
        assert story.state == TurnState.INTERRUPTED


async def test_a_socket_that_drops_resumes_without_a_gap(server: str, stage: Stage) -> None:
    page = Page()
    async with dial(server, page=page) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await page.until(live(page))
        await client.say(p.SendText(id="1", text="Count to twenty"))
        await page.until(lambda: page.audio_bytes > 10_000)
        client.socket.transport.abort()
    hello = next(m for m in page.messages if isinstance(m, p.Hello))
    async with dial(server, page=page) as client:
        await client.say(p.Resume(hello.conversation, page.epoch, page.seq, stage.key))
        await page.until(page.answered)
    assert page.snapshots == 1
    assert "twenty" in page.said(Speaker.AGENT)[0].lower()


async def test_bad_input_gets_a_typed_error_and_the_talk_goes_on(server: str, stage: Stage) -> None:
    async with dial(server) as client:
        await client.say(p.Ping())
        await client.socket.send(b"\1\0\240\0\0\0\0\0")
        await client.socket.send("{not json")
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))
        await client.socket.send("nonsense")
        await client.socket.send('{"type":"dance"}')
        await client.socket.send(bytes(2_000_000))
        await client.socket.send(p.HEADER.pack(p.AUDIO, 0, 441, 0) + bytes(640))
        await client.socket.send(json.dumps({"type": "text", "id": "1", "text": "x" * 9_000}))
        assert await client.errors(8) == [
            "not-started",
            "not-started",
            "bad-json",
            "bad-json",
            "bad-message",
            "frame-too-big",
            "bad-audio-rate",
            "bad-message",
        ]
        await client.say(p.SendText(id="2", text="Hello"))
        await client.page.until(client.page.answered)


async def test_a_frame_above_the_servers_limit_closes_with_1009(server: str, stage: Stage) -> None:
    async with dial(server) as client:
        with suppress(ConnectionClosed):  # the server may not wait for the last byte
            await client.socket.send(bytes(5_000_000))
        code, _ = await client.closed()
        assert code == p.Close.TOO_BIG


@pytest.mark.parametrize("key", ["prl_000000000000_" + "0" * 64, "nonsense", ""])
async def test_a_wrong_key_is_told_and_closed(server: str, stage: Stage, key: str) -> None:
    async with dial(server) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=key))
        assert await client.errors() == ["not-signed-in"]
        assert await client.closed() == (4401, "not-signed-in")


async def test_a_key_without_the_scope_may_not_talk(server: str, stage: Stage) -> None:
    key = await in_database(read_only_key, stage.cast.acme.tenant)
    async with dial(server) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=key))
        assert await client.errors() == ["not-allowed"]
        assert await client.closed() == (4403, "not-allowed")


async def test_a_browser_is_known_by_its_cookie(server: str, stage: Stage) -> None:
    headers = await in_database(cookie_of, stage.cast.acme.member) | {"Origin": server}
    async with dial(server, headers=headers) as client:
        await client.say(p.Start(agent=str(stage.agent.id)))
        await client.page.until(live(client.page))


async def test_a_foreign_page_brings_a_token(server: str, stage: Stage) -> None:
    """Neither a person's cookie nor a key counts there; a token does where it says so."""
    cookie = await in_database(cookie_of, stage.cast.acme.member)
    token = await in_database(token_for, stage, "https://shop.example")
    for origin, key, code in (
        ("https://evil.example", None, "foreign-page"),
        ("https://evil.example", stage.key, "foreign-page"),
        ("https://evil.example", token, "origin-not-allowed"),
        (server, token, "origin-not-allowed"),
    ):
        async with dial(server, headers=cookie | {"Origin": origin}) as client:
            await client.say(p.Start(agent=str(stage.agent.id), key=key))
            assert await client.errors() == [code]
            assert await client.closed() == (4403, code)
    async with dial(server, headers=cookie | {"Origin": "https://shop.example"}) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=token))
        await client.page.until(live(client.page))
        # It is for typing only.
        await client.speak(bytes(640))
        assert await client.errors() == ["not-this-medium"]
        await client.say(p.SendText(id="1", text="Count to three"))
        await client.page.until(client.page.answered)
        hello = next(m for m in client.page.messages if isinstance(m, p.Hello))
        await in_database(revoke_tokens, stage)
        async with asyncio.timeout(ENDS_WITHIN_S + TOLERANCE_S):
            # What it began is stopped too: whichever comes first ends the socket.
            assert (await client.closed())[0] in {p.Close.NOT_SIGNED_IN, p.Close.NORMAL}
    row = await in_database(conversation_of, stage, hello.conversation)
    assert (row.user_id, row.person, row.end_user) == (None, "Ada", "u-17")


def token_for(stage: Stage, *origins: str) -> str:
    tenant_id = stage.cast.acme.tenant.pk
    wanted = Wanted(
        agent=stage.agent, origins=origins, media=[Medium.TEXT], end_user=EndUser("u-17", "Ada")
    )
    with tenant_scope(tenant_id):
        return mint(Caller(tenant_id), wanted, timezone.now())[1]


def revoke_tokens(stage: Stage) -> None:
    with tenant_scope(stage.cast.acme.tenant.pk):
        for token in AccessToken.objects.all():
            revoke(token, "system")


def conversation_of(stage: Stage, conversation_id: str) -> Conversation:
    with tenant_scope(stage.cast.acme.tenant.pk):
        row: Conversation = Conversation.objects.select_related("user").get(pk=conversation_id)
        return row


async def test_of_two_sockets_with_one_use_one_is_let_in(server: str, stage: Stage) -> None:
    token = await in_database(token_for, stage)
    async with dial(server) as one, dial(server) as other:
        for client in (one, other):
            await client.say(p.Start(agent=str(stage.agent.id), key=token))
        told = await asyncio.gather(first_word(one), first_word(other))
        assert sorted(told) == ["hello", "token-used-up"]


async def first_word(client: Client) -> str:
    def words() -> list[str]:
        found = (m for m in client.page.messages if isinstance(m, p.Hello | p.Error))
        return [m.code if isinstance(m, p.Error) else "hello" for m in found]

    await client.page.until(lambda: bool(words()))
    return words()[0]


@pytest.mark.parametrize("role", ["owner", "reviewer", "member"])
async def test_another_tenant_finds_nothing(server: str, stage: Stage, role: str) -> None:
    conversation = await stage.new_conversation()
    stranger = getattr(stage.cast.globex, role)
    headers = await in_database(cookie_of, stranger) | {"Origin": server}
    for first in (p.Resume(str(conversation.id)), p.Start(agent=str(stage.agent.id))):
        async with dial(server, headers=headers) as client:
            await client.say(first)
            (code,) = await client.errors()
            assert code in {"unknown-conversation", "unknown-agent"}
            assert (await client.closed())[0] == p.Close.NOT_FOUND


async def test_another_tenants_key_finds_nothing(server: str, stage: Stage) -> None:
    conversation = await stage.new_conversation()
    key = stage.cast.globex.api_key
    for first in (
        p.Resume(str(conversation.id), key=key),
        p.Start(agent=str(stage.agent.id), key=key),
    ):
        async with dial(server) as client:
            await client.say(first)
            assert (await client.closed())[0] == p.Close.NOT_FOUND


async def test_a_client_without_subprotocols_is_served(server: str, stage: Stage) -> None:
    async with dial(server, subprotocols=None) as client:
        assert client.socket.subprotocol is None
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))


async def test_a_colleague_cannot_continue_a_persons_talk(server: str, stage: Stage) -> None:
    headers = await in_database(cookie_of, stage.cast.acme.member) | {"Origin": server}
    async with dial(server, headers=headers) as client:
        await client.say(p.Start(agent=str(stage.agent.id)))
        await client.page.until(live(client.page))
        hello = next(m for m in client.page.messages if isinstance(m, p.Hello))
    headers = await in_database(cookie_of, stage.cast.acme.owner) | {"Origin": server}
    async with dial(server, headers=headers) as client:
        await client.say(p.Resume(hello.conversation))
        assert await client.errors() == ["unknown-conversation"]


async def test_an_unknown_path_is_told(server: str) -> None:
    async with dial(f"{server}/ws/nowhere/") as client:
        assert await client.errors() == ["unknown-path"]
        assert await client.closed() == (4404, "unknown-path")


async def test_slashes_collapse(server: str, stage: Stage) -> None:
    async with dial(f"{server}//ws//conversations/") as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))


def end_session(stage: Stage) -> None:
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == str(stage.cast.acme.member.pk):
            session.delete()


def disable_member(stage: Stage) -> None:
    with tenant_scope(stage.cast.acme.tenant.pk):
        membership = Membership.objects.get(user=stage.cast.acme.member)
        membership.state = Membership.State.DISABLED
        membership.save()


def suspend_tenant(stage: Stage) -> None:
    stage.cast.acme.tenant.state = Tenant.State.SUSPENDED
    stage.cast.acme.tenant.save()


def revoke_key(stage: Stage) -> None:
    key = find_api_key(stage.key)
    assert key is not None
    revoke_api_key(key, "system")


@pytest.mark.parametrize(
    ("end", "codes"),
    [
        (end_session, {p.Close.NOT_SIGNED_IN}),
        # The conversation is stopped too: whichever comes first ends the socket.
        (disable_member, {p.Close.NOT_ALLOWED, p.Close.NORMAL}),
        (suspend_tenant, {p.Close.NOT_ALLOWED, p.Close.NORMAL}),
    ],
)
async def test_ended_access_ends_a_persons_socket(
    server: str, stage: Stage, end: Callable[[Stage], None], codes: set[int]
) -> None:
    headers = await in_database(cookie_of, stage.cast.acme.member) | {"Origin": server}
    async with dial(server, headers=headers) as client:
        await client.say(p.Start(agent=str(stage.agent.id)))
        await client.page.until(live(client.page))
        await in_database(end, stage)
        async with asyncio.timeout(ENDS_WITHIN_S + TOLERANCE_S):
            assert (await client.closed())[0] in codes


async def test_a_revoked_key_ends_its_socket(server: str, stage: Stage) -> None:
    async with dial(server) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))
        await in_database(revoke_key, stage)
        async with asyncio.timeout(ENDS_WITHIN_S + TOLERANCE_S):
            assert await client.errors() == ["not-signed-in"]
            assert await client.closed() == (4401, "not-signed-in")


async def test_a_flood_is_told_and_dropped_and_others_do_not_notice(
    server: str, stage: Stage
) -> None:
    async with dial(server) as client, dial(server) as other:
        for each in (client, other):
            await each.say(p.Start(agent=str(stage.agent.id), key=stage.key))
            await each.page.until(live(each.page))
        with suppress(ConnectionClosed):  # who does not stop is let go
            while not any(isinstance(each, p.Error) for each in client.page.messages):
                await asyncio.gather(*(client.say(p.Ack(frames=0)) for _ in range(500)))
        assert (await client.errors())[0] == "too-many-frames"
        await other.say(p.SendText(id="r1", text="Hello"))
        await other.page.until(other.page.answered)


async def test_a_limit_refuses_with_a_reason_and_a_time(server: str, stage: Stage) -> None:
    await in_database(limit, stage.agent, sessions=1)
    async with dial(server) as client, dial(server) as other:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        await client.page.until(live(client.page))
        await other.say(p.Start(agent=str(stage.agent.id), key=stage.key))
        assert await other.closed() == (p.Close.LIMIT_REACHED, "too-many-conversations")
        [error] = [each for each in other.page.messages if isinstance(each, p.Error)]
        assert error.fatal
        assert error.retry_after_s == 31
