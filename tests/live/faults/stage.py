"""A simulator whose faults are in a hurry, and talks with it that leave nothing behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import psutil

from live import (
    ApiKeyAuth,
    Audio,
    Comeback,
    Endpoint,
    Event,
    FunctionDeclaration,
    FunctionResponse,
    InputTranscript,
    LiveError,
    LiveSession,
    OutputTranscript,
    ResumptionUpdate,
    SessionConfig,
    Tool,
    ToolCall,
    TurnComplete,
    connect,
)
from live.simulator import SCENARIOS, Pace, Script, Simulator
from live.simulator.scenario import Step
from live.simulator.speech import speak

# A fault of five seconds takes a twentieth of one.
HURRY = 0.01
COMEBACK = Comeback(pauses=(0.0, 0.01, 0.02, 0.05), jitter=0.0, insist=True)
QUICK = Pace(setup=0.01, first_update=0.01, hearing=0.01, thinking=0.01, playback=0.0, speed=100)
LIMIT_S = 20.0  # of a test that would never end; none comes near it
LOOK_UP = FunctionDeclaration(name="look_up", behavior="BLOCKING")
CONFIG = SessionConfig(
    model="gemini-3.8-live", tools=(Tool(function_declarations=[LOOK_UP]),), resumption=True
)
ASK_COUNT = "Count to three."
ASK_LOOK_UP = "Look up the weather."
SECRET = "The code word is heron."
ASK_SECRET = "What is the code word?"


def hurried(name: str) -> Script:
    """The named scenario with all its times shortened alike."""
    script = SCENARIOS[name]
    return msgspec.structs.replace(script, steps=tuple(map(_hurried_step, script.steps)))


def _hurried_step(step: Step) -> Step:
    times = {
        name: getattr(step.do, name) * HURRY
        for name in ("seconds", "time_left")
        if hasattr(step.do, name)
    }
    do = msgspec.structs.replace(step.do, **times)
    return msgspec.structs.replace(step, do=do, after=step.after * HURRY)


class Talk:
    """One session, and all the events that came so far."""

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.events: list[Event] = []

    async def until(self, *last: type[Event]) -> list[Event]:
        """The events up to the next of a kind. Raises the error that comes before it."""
        start = len(self.events)
        async with asyncio.timeout(LIMIT_S):
            while not any(isinstance(event, last) for event in self.events[start:]):
                self.events += await self.session.receive()
        return self.events[start:]

    def count(self, kind: type[Event]) -> int:
        """How many events of a kind have come."""
        return sum(isinstance(event, kind) for event in self.events)

    async def ready(self) -> list[Event]:
        """The events up to the first handle, all that comes before somebody speaks."""
        return await self.until(ResumptionUpdate)

    async def type(self, text: str) -> list[Event]:
        """Type something; the events up to the end of the turn, or to a call."""
        self.session.send_text(text)
        return await self.until(TurnComplete, ToolCall)

    async def say(self, text: str) -> list[Event]:
        """Speak; as `type`."""
        self.session.send_audio(speak(text, 16000))
        self.session.end_audio()
        return await self.until(TurnComplete, ToolCall)

    async def answer_call(self) -> list[Event]:
        """Answer the only call there was; the events up to the end of the turn."""
        self.session.send_tool_responses([answer_to(self.events)])
        return await self.until(TurnComplete)

    async def error(self) -> LiveError:
        """The error that ends the talk; what comes before it goes into `events`."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    self.events += await self.session.receive()
                except LiveError as error:
                    return error


def answer_to(events: list[Event]) -> FunctionResponse:
    """An answer to the only call among the events."""
    [call] = [call for event in events if isinstance(event, ToolCall) for call in event.calls]
    return FunctionResponse(id=call.id, name=call.name, response={"output": "seven degrees"})


def said(events: list[Event]) -> str:
    """What the model said, by its transcript."""
    return "".join(event.text for event in events if isinstance(event, OutputTranscript))


def told(events: list[Event]) -> dict[str, Any]:
    """All that the events tell, however it was cut into messages, without chance names."""
    spoken = (Audio, OutputTranscript, InputTranscript)
    return {
        "audio": b"".join(event.data for event in events if isinstance(event, Audio)),
        "said": said(events),
        "heard": "".join(event.text for event in events if isinstance(event, InputTranscript)),
        "others": [_named(event) for event in events if not isinstance(event, spoken)],
    }


def _named(event: Event) -> Any:
    match event:
        case ResumptionUpdate():
            return "resumption", event.resumable
        case ToolCall():
            return [(call.name, call.args) for call in event.calls]
        case _:
            return event


class Stage:
    """A simulator, the connections to it, and what is left of them."""

    def __init__(self, simulator: Simulator, tasks: set[asyncio.Task[Any]]) -> None:
        self.simulator = simulator
        self.timers: list[asyncio.TimerHandle] = []
        self._tasks = tasks
        self._talks: list[Talk] = []

    async def connect(
        self, script: str | Script = "conversation", *, times: int = 1, **options: Any
    ) -> Talk:
        """Connect and let the fault play; as a rule for one connection only. Raises LiveError.

        `times` is how many connections meet the fault.
        """
        hurry = hurried(script) if isinstance(script, str) else script
        self.simulator.script(hurry, times)
        endpoint = Endpoint.developer(self.simulator.url)
        auth = ApiKeyAuth(self.simulator.api_key)
        talk = Talk(await connect(endpoint, auth, CONFIG, **{"comeback": None} | options))
        self._talks.append(talk)
        return talk

    async def handle(self) -> str:
        """The handle of a session in which nothing was said, with nobody connected."""
        talk = await self.connect()
        await talk.ready()
        await self.leave()
        return talk.session.handle

    async def remembering(self) -> str:
        """The handle of a session in which a secret was told, with nobody connected."""
        talk = await self.connect()
        await talk.ready()
        await talk.type(SECRET)
        await self.leave()
        return talk.session.handle

    async def leave(self) -> None:
        """Close every connection, and wait until the server has let go of it too."""
        for talk in self._talks:
            await talk.session.close()
        self._talks.clear()
        if left := self._left():
            await asyncio.wait(left, timeout=LIMIT_S)

    def check_nothing_is_left(self) -> None:
        """No task, no timer and no open socket of any connection, on either side."""
        assert self._left() == set()
        now = asyncio.get_running_loop().time()
        running = [timer for timer in self.timers if not timer.cancelled() and timer.when() > now]
        assert running == []
        assert open_sockets(self.simulator) == []

    def _left(self) -> set[asyncio.Task[Any]]:
        return asyncio.all_tasks() - self._tasks - {asyncio.current_task()}


def open_sockets(simulator: Simulator) -> list[str]:
    """The states of this process' sockets to and from the simulator, but the one that listens."""
    port = int(simulator.url.rpartition(":")[2])
    return [
        each.status
        for each in psutil.Process().net_connections("tcp4")
        if port in {getattr(end, "port", 0) for end in (each.laddr, each.raddr)}
        and each.status != psutil.CONN_LISTEN
    ]


def tapped(
    call_at: Callable[..., asyncio.TimerHandle], timers: list[asyncio.TimerHandle]
) -> Callable[..., asyncio.TimerHandle]:
    """The loop's `call_at`, with what it returns kept when `live.client` asked for it."""

    def keeping(when: float, callback: Callable[..., Any], *args: Any, **options: Any) -> Any:
        timer = call_at(when, callback, *args, **options)
        if isinstance(getattr(callback, "__self__", None), LiveSession):
            timers.append(timer)
        return timer

    return keeping
