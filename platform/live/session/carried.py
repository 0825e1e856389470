"""What a session carries from one connection to the next. Pure.

The service remembers a session by its handle, but not what a lost connection took with it, nor an
activity that was open, nor what was changed on the way; and a new session remembers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from live.endpoint import Endpoint
from live.events import (
    Event,
    InputTranscript,
    ToolCall,
    ToolCallCancellation,
    VoiceActivity,
)
from live.messages import ClientContent, ClientMessage, Content, RealtimeInput
from live.session.calls import Calls
from live.session.memory import Memory, without
from live.session.outgoing import activity_message, tool_response_message, updated
from live.session.question import Question
from live.session.turn import Step, Turn
from live.setup import SessionConfig
from live.setup.models import traits_of
from live.setup.tools import AnyTool


class Carried:
    """What was said, asked, called, changed and begun, and has to be known again."""

    def __init__(
        self,
        config: SessionConfig,
        endpoint: Endpoint,
        history: Callable[[], Sequence[Content]] | None,
        unanswered: Sequence[str],
    ) -> None:
        self.config = config
        self.question = Question(tuple(unanswered))
        self.calls = Calls()
        self.in_activity = False
        self._endpoint = endpoint
        self._memory = None if history else Memory()
        self._history = history or self._remembered
        self._told: list[Content] = []  # the history that goes with the setup under way
        self._was_in_activity = False

    # -- While there is a connection ---------------------------------------------------------------

    def typed(self, text: str, *, sent: bool) -> None:
        """The user typed. Raises `NetworkError` when it is not sent, and too much to be held."""
        if sent:
            self.question.sent(text)
        else:
            self.question.hold(text)
        if self._memory is not None:
            self._memory.typed(text)

    def change(self, system_instruction: str | None, tools: Sequence[AnyTool] | None) -> None:
        """The context was updated, and is in the setups to come."""
        self.config = updated(self.config, system_instruction, tools)

    def note(self, event: Event, turn: Turn) -> None:
        """Follow what else the service tells, while the turn is where it is."""
        if self._memory is not None:
            self._memory.add(event)
        match event:
            case ToolCallCancellation():
                self.calls.cancel(event.ids)
            case ToolCall() | VoiceActivity() | InputTranscript():
                self.question.hear(event, turn)

    def step(self, event: Event, turn: Turn, step: Step) -> None:
        """The model's turn takes a step. Every piece of audio comes by here."""
        if self._memory is not None:
            self._memory.add(event)
        self.question.step(turn, step)
        self.calls.go_on()

    def lose_connection(self) -> None:
        """The connection is gone, and with it what the service had only heard the beginning of."""
        self._was_in_activity = self.in_activity
        if self._memory is not None:
            self._memory.end()

    # -- On the next connection --------------------------------------------------------------------

    def begin(self, *, resumed: bool) -> SessionConfig:
        """The options of the next setup. A history goes with a new session only."""
        self._told = [] if resumed else without(self._history(), self.question.all())
        if not (resumed or self._told):
            return self.config
        return replace(self.config, history_in_client_content=self._seeds)

    @property
    def has_told(self) -> bool:
        """Whether the session on this connection is one that had to be told what was said."""
        return bool(self._told)

    def first_messages(self) -> Iterator[ClientMessage]:
        """What goes out before anything else, once the setup is accepted."""
        if answers := self.calls.again():
            yield tool_response_message(answers, self.config, self._endpoint)
        if self._told:
            yield ClientMessage(client_content=ClientContent(self._told, turn_complete=self._seeds))
        yield from map(text_message, self.question.take())
        if self._was_in_activity:
            yield activity_message(self.config, start=True)

    @property
    def _seeds(self) -> bool:
        """Whether the model takes a history as a seed right after the setup, and only there."""
        traits = traits_of(self.config.model)
        return bool(self._told and traits and traits.content_only_seeds)

    def _remembered(self) -> Sequence[Content]:
        return self._memory.contents() if self._memory else ()


def text_message(text: str) -> ClientMessage:
    """Something that the user typed."""
    return ClientMessage(realtime_input=RealtimeInput(text=text))
