"""People at their pages: each talks on, reconnects as a page does, and notes what it is shown."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from websockets.exceptions import WebSocketException
from websockets.protocol import State

from conversations import protocol as p
from conversations.states import ConversationState, Speaker, TurnState
from live.simulator.speech import speak
from tests.chaos.records import Asked, Attached, Shown
from tests.conversations.client import Client, dial
from tests.conversations.page import Page

# A page hears of a dead connection by its heartbeat; these beat faster than real ones.
BEAT_S = 3.0
PONG_S = 6.0
CONNECT_S = 10.0
AGAIN_S = (0.3, 1.5)
# Who gets no answer says the next thing.
IMPATIENCE_S = 10.0
RESEND_S = 4.0
PATIENCE_S = 120.0
SPOKEN_SHARE = 0.1
# The rest of a question makes its answer last, so that faults come in the middle of some.
LONG = "and one two three four five six seven eight nine ten eleven twelve thirteen fourteen"


class Stuck(Exception):
    """A conversation did not go on in time; the text tells where it stands."""


@dataclass(frozen=True)
class Entrance:
    """How pages come in: `door` gives the URL of some web process, anew for each connection."""

    door: Callable[[], str]
    agent: str
    key: str


class Notebook(Page):
    """A page that notes everything it is shown, also what a page must never be shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Shown] = []
        self.codes: dict[str, int] = {}
        self.heard_at = 0.0
        self.attached = False

    def take(self, frame: bytes | str) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        if not (isinstance(frame, bytes) and frame[0] == p.AUDIO):
            self._note(frame)
        super().take(frame)

    def _note(self, frame: bytes | str) -> None:
        if p.position_decoder.decode(frame).type == "event":
            self.shown.append(p.event_decoder.decode(frame))
            return
        message = p.server_decoder.decode(frame)
        match message:
            case p.Snapshot() | p.Resumed():
                self.shown.append(message)
                self.attached = True
            case p.Error(code=code) | p.Waiting(reason=code):
                self.codes[code] = self.codes.get(code, 0) + 1

    @property
    def is_broken(self) -> bool:
        return self._failure is not None

    async def woken(self) -> None:
        """Until a frame came, or a tenth of a second has passed."""
        self._waker.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await self._waker.wait()

    def forgive(self) -> None:
        """Begin again after a reader that failed: what was wrong is in the notes."""
        self._failure = None

    def has(self, ref: str, *, saved: bool = False) -> bool:
        return any(t.ref == ref and (t.saved or not saved) for t in self.picture.turns)

    def reply_to(self, ref: str) -> p.TurnPicture | None:
        """The last finished turn of the agent after this text, if nothing else was asked."""
        turns = self.picture.turns
        place = next((i for i, turn in enumerate(turns) if turn.ref == ref), len(turns))
        after = [turn for turn in turns[place:] if turn.speaker == Speaker.AGENT]
        done = [turn for turn in after if turn.text and turn.state != TurnState.PARTIAL]
        return done[-1] if done else None


class Caller:
    """One person and one conversation. `name` is in every tag, so that no two are the same."""

    def __init__(
        self,
        name: str,
        entrance: Entrance,
        dice: random.Random,
        *,
        pause_s: tuple[float, float] = (0.1, 0.6),
    ) -> None:
        self.name = name
        self.page = Notebook()
        self.asked: list[Asked] = []
        self.conversation: uuid.UUID | None = None
        self.sockets = 0
        self._entrance = entrance
        self._dice = dice
        self._pause_s = pause_s
        self.again: set[str] = set()
        self._unsaved: dict[str, str] = {}
        self._taken: set[str] = set()
        self._client: Client | None = None
        self._cut_until = 0.0
        self._page_id = f"page-{name}"

    # --- the conversation -------------------------------------------------------------------

    async def talk(self, over: asyncio.Event) -> None:
        """Ask one thing after the other until it is over, then until one is answered."""
        connected = asyncio.create_task(self._stay_connected(), name=f"{self.name} connected")
        try:
            while not over.is_set():
                await self._ask(impatient=True)
                await asyncio.sleep(self._dice.uniform(*self._pause_s))
            await self.settle()
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)

    async def settle(self) -> None:
        """Whatever happened before, a question is answered now, and everything gets saved."""
        for _ in range(3):
            if await self._ask(impatient=False):
                break
        else:
            raise Stuck(f"{self.name}: nothing is answered any more: {self.page!r}")
        await self._until(self.is_all_saved, "its turns are not saved")

    def is_all_saved(self) -> bool:
        return not self._unsaved and self.page.all_saved()

    async def end(self) -> None:
        """End the conversation, with a socket of its own."""
        if self.conversation is None:
            return
        entrance = self._entrance
        async with dial(entrance.door()) as client:
            resume = p.Resume(
                conversation=str(self.conversation), key=entrance.key, page=self._page_id
            )
            await client.say(resume)
            await client.page.until(lambda: client.page.snapshots)
            await client.say(p.End())
            await client.page.until(lambda: client.page.picture.state == ConversationState.ENDED)

    async def _ask(self, *, impatient: bool) -> bool:
        tag = f"{self.name}q{len(self.asked) + 1:04d}"
        if impatient and self._dice.random() < SPOKEN_SHARE and self._client and self.page.attached:
            await self._speak(tag)
            return True
        ref = f"ref-{tag}"
        self.asked.append(Asked(tag, ref))
        tail = f" {LONG}" if impatient and self._dice.random() < 0.3 else ""
        self._unsaved[ref] = f"Say {tag}{tail}"
        await self._send_unsaved()
        await self._until(lambda: self.page.has(ref), f"{tag} is not taken")
        self._taken.add(ref)
        return await self._answered(ref, tag, IMPATIENCE_S if impatient else PATIENCE_S / 3)

    async def _answered(self, ref: str, tag: str, patience_s: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        while loop.time() < deadline:
            reply = self.page.reply_to(ref)
            if reply is not None:
                return tag in reply.text
            await self.page.woken()
        return False

    async def _speak(self, tag: str) -> None:
        """Say it aloud, into whatever connection there is."""
        self.asked.append(Asked(tag))
        client = self._client
        if client is None:
            return
        spelled = speak(f"Say {tag}", p.INPUT_RATE_HZ) + bytes(p.INPUT_RATE_HZ)
        with suppress(WebSocketException, OSError):
            await client.speak(spelled, faster=4.0)
        before = len(self.page.said(Speaker.AGENT))
        with suppress(Stuck):
            await self._until(lambda: len(self.page.said(Speaker.AGENT)) > before, "", 3.0)

    async def _until(
        self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S
    ) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience_s
        while not condition():
            if loop.time() > deadline:
                codes = self.page.codes
                raise Stuck(f"{self.name}: {what}: {self.page!r} {codes} {self.conversation}")
            await self.page.woken()

    # --- the connection -----------------------------------------------------------------------

    def cut_for(self, seconds: float) -> None:
        """Lose the connection, and find no other for so long."""
        self._cut_until = asyncio.get_running_loop().time() + seconds
        if self._client is not None:
            self._client.socket.transport.abort()

    async def stall_for(self, seconds: float) -> None:
        """Read nothing for so long, and say nothing either."""
        if (client := self._client) is None:
            return
        client.socket.transport.pause_reading()
        await asyncio.sleep(seconds)
        if not client.socket.transport.is_closing():
            client.socket.transport.resume_reading()

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if (left := self._cut_until - loop.time()) > 0:
                await asyncio.sleep(left)
            with suppress(WebSocketException, OSError, TimeoutError, AssertionError):
                await self._connect()
            self._client = None
            self.page.attached = False
            self.page.forgive()
            await asyncio.sleep(self._dice.uniform(*AGAIN_S))

    async def _connect(self) -> None:
        async with asyncio.timeout(CONNECT_S) as opening:
            async with dial(self._entrance.door(), page=self.page) as client:
                opening.reschedule(None)
                await self._hold(client)

    async def _hold(self, client: Client) -> None:
        """Greet, and keep the socket until it is gone or silent."""
        loop = asyncio.get_running_loop()
        self.sockets += 1
        self.page.shown.append(Attached(self.page.epoch, self.page.seq))
        self.page.heard_at = loop.time()
        await client.say(self._greeting(self._entrance))
        self._client = client
        resent_at, beat_at = 0.0, loop.time() + BEAT_S
        while self._is_alive(client):
            self._note_conversation()
            now = loop.time()
            if self.page.attached and now - resent_at > RESEND_S:
                resent_at = now
                await self._send_unsaved()
            if now > beat_at:
                beat_at = now + BEAT_S
                await client.say(p.Ping())
                await client.say(p.Ack(client.frames))
            await self.page.woken()

    def _is_alive(self, client: Client) -> bool:
        silent_s = asyncio.get_running_loop().time() - self.page.heard_at
        is_open = client.socket.state is State.OPEN
        return is_open and silent_s < BEAT_S + PONG_S and not self.page.is_broken

    def _greeting(self, entrance: Entrance) -> p.FirstMessage:
        if self.conversation is None:
            return p.Start(agent=entrance.agent, key=entrance.key, page=self._page_id, wait=True)
        return p.Resume(
            conversation=str(self.conversation),
            epoch=self.page.epoch,
            seq=self.page.seq,
            key=entrance.key,
            page=self._page_id,
            wait=True,
        )

    def _note_conversation(self) -> None:
        if self.conversation is None:
            hello = next((m for m in self.page.messages if isinstance(m, p.Hello)), None)
            self.conversation = uuid.UUID(hello.conversation) if hello else None

    async def _send_unsaved(self) -> None:
        """Send again what is not in the transcript; forget what is saved."""
        for ref, text in list(self._unsaved.items()):
            if self.page.has(ref, saved=True):
                del self._unsaved[ref]
            elif not self.page.has(ref) and self._client is not None and self.page.attached:
                self.again |= {ref} & self._taken
                with suppress(WebSocketException, OSError):
                    await self._client.say(p.SendText(id=ref, text=text))
