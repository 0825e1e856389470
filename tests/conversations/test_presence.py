"""Whose conversation it is, and who waits for one: two web processes and a small worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.test import Client as DjangoClient

from accounts.database import in_database
from accounts.models import AuditEntry, Membership
from accounts.tenancy import platform_scope
from conversations import protocol as p
from conversations.models import WorkerProcess
from conversations.states import ConversationState, EndReason, Speaker
from tests.cast import PASSWORD
from tests.children import Children
from tests.conversations.client import Client, dial

if TYPE_CHECKING:
    from accounts.models import User
    from tests.conversations.conftest import Stage

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("shared_database")]

CAPACITY = 2


@pytest.fixture(scope="module")
def servers(django_db_setup: None) -> Iterator[list[str]]:
    """Two web processes, and a worker with room for two conversations."""
    spawn = Children()
    try:
        spawn("worker", ready="serves at", env={"WORKER_CAPACITY": str(CAPACITY)})
        webs = [spawn("web", "--port", "0", ready="Serving on") for _ in range(2)]
        yield [web.wait_for(r"Serving on (http://\S+)").group(1) for web in webs]
    finally:
        spawn.stop()


def cookie_of(user: User) -> dict[str, str]:
    browser = DjangoClient()
    browser.login(email=user.email, password=PASSWORD)
    name = settings.SESSION_COOKIE_NAME
    return {"Cookie": f"{name}={browser.cookies[name].value}"}


@asynccontextmanager
async def talking(url: str, stage: Stage, **first: object) -> AsyncIterator[Client]:
    """A page that has begun a conversation."""
    async with dial(url) as client:
        await client.say(p.Start(agent=str(stage.agent.id), key=stage.key, **first))  # type: ignore[arg-type]
        yield client


def conversation_of(client: Client) -> str:
    return next(m.conversation for m in client.page.messages if isinstance(m, p.Hello))


def is_live(client: Client) -> Callable[[], bool]:
    return lambda: client.page.picture.state == ConversationState.LIVE


def stands(client: Client, role: p.Role) -> Callable[[], bool]:
    """Whether that is the last that the socket was told of itself."""
    return lambda: (
        [m.role for m in client.page.messages if isinstance(m, p.Presence)][-1:] == [role]
    )


def waits(client: Client, place: int | None) -> Callable[[], bool]:
    return lambda: (
        [m.place for m in client.page.messages if isinstance(m, p.Waiting)][-1:] == [place]
    )


async def until(asked: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await asked():  # noqa: ASYNC110 - another process's row, which nobody announces
            await asyncio.sleep(0.05)


async def test_the_second_tab_looks_on_and_takes_over(servers: list[str], stage: Stage) -> None:
    one, other = servers
    async with AsyncExitStack() as tabs:
        first = await tabs.enter_async_context(talking(one, stage, page="a"))
        await first.page.until(is_live(first))
        resume = p.Resume(conversation_of(first), key=stage.key, mode="join", page="b")
        second = await tabs.enter_async_context(dial(other))
        await second.say(resume)
        await second.page.until(stands(second, "observer"))
        await second.say(p.SendText(id="1", text="Nobody hears this"))
        assert await second.errors() == ["read-only"]
        await first.say(p.SendText(id="2", text="Say marmalade"))
        await second.page.until(second.page.answered)
        assert second.page.said(Speaker.USER) == ["Say marmalade"]
        assert stands(first, "owner")()

        taker = await tabs.enter_async_context(dial(other))
        await taker.say(p.Resume(resume.conversation, key=stage.key, page="b"))
        assert await first.closed() == (p.Close.OPENED_ELSEWHERE, "opened-elsewhere")
        assert await second.closed() == (p.Close.OPENED_ELSEWHERE, "opened-elsewhere")
        await taker.page.until(stands(taker, "owner"))
        again = await tabs.enter_async_context(dial(one))
        await again.say(p.Resume(resume.conversation, key=stage.key, mode="join", page="a"))
        await again.page.until(stands(again, "observer"))
        await taker.say(p.End())
        await again.page.until(lambda: again.page.picture.ended == EndReason.USER_LEFT)


async def test_a_page_that_comes_back_is_no_second_tab(servers: list[str], stage: Stage) -> None:
    """Its old connection may linger in another web process."""
    one, other = servers
    async with talking(one, stage, page="a") as lingering, dial(other) as back:
        await lingering.page.until(is_live(lingering))
        conversation = conversation_of(lingering)
        await back.say(p.Resume(conversation, key=stage.key, mode="join", page="a"))
        await back.page.until(stands(back, "owner"))
        assert (await lingering.closed())[0] == p.Close.OPENED_ELSEWHERE
        await back.say(p.End())
        await back.closed()


async def test_staff_look_on_until_they_may_not(servers: list[str], stage: Stage) -> None:
    one, other = servers
    reviewer = stage.cast.acme.reviewer
    cookie = await in_database(cookie_of, reviewer)
    async with talking(one, stage) as owner, dial(other, headers=cookie) as watcher:
        await owner.page.until(is_live(owner))
        conversation = conversation_of(owner)
        await watcher.say(p.Resume(conversation, mode="observe"))
        await watcher.page.until(is_live(watcher))
        hello = next(m for m in watcher.page.messages if isinstance(m, p.Hello))
        assert hello.mode == "observe"
        await watcher.say(p.End())
        await watcher.say(p.Stay())
        await watcher.socket.send(p.HEADER.pack(p.AUDIO, 0, 160, 0) + bytes(640))
        assert await watcher.errors(3) == ["read-only"] * 3
        await owner.say(p.SendText(id="1", text="Say marmalade"))
        await watcher.page.until(watcher.page.answered)
        assert watcher.page.audio_bytes > 0
        await in_database(change_role, reviewer, "member")
        assert (await watcher.closed())[0] == p.Close.NOT_ALLOWED
        await until(lambda: in_database(both_are_noted, conversation))
        await owner.say(p.End())
        await owner.closed()


def change_role(user: User, role: str) -> None:
    with platform_scope("test"):
        Membership.objects.filter(user=user).update(role=role)


def both_are_noted(conversation: str) -> bool:
    with platform_scope("test"):
        entries = AuditEntry.objects.filter(object_id=conversation, actor__startswith="user:")
        noted = list(entries.order_by("id").values_list("action", "ip"))
    watched = ("conversation.watched", "127.0.0.1")
    return noted == [watched, ("conversation.watch-ended", "127.0.0.1")]


# For the long run: it wants every worker full, and those of other tests stay listed for a while.
@pytest.mark.full
async def test_who_finds_no_room_waits_in_line(servers: list[str], stage: Stage) -> None:
    one, other = servers
    async with AsyncExitStack() as pages:
        enter = pages.enter_async_context
        hosted = [await enter(talking(one, stage)) for _ in range(CAPACITY)]
        for client in hosted:
            await client.page.until(is_live(client))
        await until(lambda: in_database(all_say_full))
        third = await enter(talking(other, stage, wait=True))
        await third.page.until(waits(third, 1))
        fourth = await enter(talking(one, stage, wait=True))
        await fourth.page.until(waits(fourth, 2))
        refused = await enter(talking(other, stage))
        assert await refused.errors() == ["capacity-full"]
        error = next(m for m in refused.page.messages if isinstance(m, p.Error))
        assert (error.retry_after_s or 0) > 0
        assert await refused.closed() == (p.Close.LIMIT_REACHED, "capacity-full")

        await third.say(p.SendText(id="1", text="Say marmalade"))
        await hosted[0].say(p.End())
        await third.page.until(third.page.answered)
        await fourth.page.until(waits(fourth, 1))
        await fourth.say(p.End())
        await fourth.page.until(lambda: fourth.page.picture.ended == EndReason.USER_LEFT)
        assert await fourth.closed() == (1000, "ended")
        for client in (hosted[1], third):
            await client.say(p.End())
            await client.closed()


def all_say_full() -> bool:
    return set(WorkerProcess.objects.living().values_list("has_room", flat=True)) == {False}
