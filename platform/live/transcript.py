"""Who said what, in order: transcripts of both sides out of a session's events. Pure.

The service gives pieces, and no order between the user's and the model's: what the user said may
come before the answer, during it, after it was cut, or never. So an exchange is a pair, the
user's words and the answer to them, and late words join the pair that they belong to:

* The user's words stay open until the answer has ended, or the user speaks anew, which voice
  activity, `finished` and an interruption tell.
* The answer ends by `turnComplete` or `interrupted`; `generationComplete` ends nothing.
* Words of the answer that trail behind an interruption still belong to what was cut.

Only what is open is kept, so that a talk of any length needs the same memory.
"""

from __future__ import annotations

import enum

import msgspec

from live.events import (
    Disconnected,
    Event,
    InputTranscript,
    InterimInputTranscript,
    Interrupted,
    OutputTranscript,
    Text,
    TurnComplete,
    VoiceActivity,
)


class Speaker(enum.Enum):
    """Whose words they are."""

    USER = "user"
    MODEL = "model"


class Stage(enum.Enum):
    """Whether more may come. INTERRUPTED text may hold more than was heard."""

    PARTIAL = "partial"
    FINAL = "final"
    INTERRUPTED = "interrupted"


class Utterance(msgspec.Struct, frozen=True):
    """All that one speaker said in one exchange, up to now.

    `exchange` counts from 1. In order are utterances by exchange, the user's first.
    """

    exchange: int
    speaker: Speaker
    text: str
    stage: Stage = Stage.PARTIAL

    def __repr__(self) -> str:
        return f"<Utterance {self.exchange} {self.speaker.value} {self.stage.value}>"


class Transcript:
    """Puts the pieces together. Feed it every event of a session, and what the user typed."""

    def __init__(self) -> None:
        self._user: Utterance | None = None
        self._model: Utterance | None = None  # also while it is cut, up to its turnComplete
        self._user_exchange = 0  # the newest that has words of the user's
        self._model_exchange = 0
        self._speaks_anew = False
        self._changed: dict[tuple[int, bool], Utterance] = {}

    def add(self, event: Event) -> list[Utterance]:
        """The utterances that an event changed, in order; most events change none or one."""
        match event:
            case InputTranscript():
                self._hear(event.text, finished=event.finished)
            case InterimInputTranscript():
                self._show(event.text)
            case OutputTranscript() | Text():
                self._say(event.text)
            case VoiceActivity(active=True):
                self._begin_anew()
            case Interrupted():
                self._cut()
            case TurnComplete():
                self._complete()
            case Disconnected():
                self._end()
        return self._take()

    def typed(self, text: str) -> list[Utterance]:
        """The user sent a text: a whole utterance at once."""
        self._end_user()
        self._begin_anew()
        self._hear(text, finished=True)
        return self._take()

    def end(self) -> list[Utterance]:
        """The session is over: an answer that was still coming counts as interrupted."""
        self._end()
        return self._take()

    # -- The user ------------------------------------------------------------------------------

    def _hear(self, text: str, *, finished: bool) -> None:
        if text:
            self._user = self._grown(self._user, self._exchange_of_user(), Speaker.USER, text)
            self._user_exchange = self._user.exchange
            self._speaks_anew = False
        if finished:
            self._end_user()

    def _show(self, interim: str) -> None:
        if interim:
            self._grown(self._user, self._exchange_of_user(), Speaker.USER, interim)

    def _exchange_of_user(self) -> int:
        if self._user is not None:
            return self._user.exchange
        answer = self._model
        is_open = answer is not None and answer.stage is Stage.PARTIAL
        if is_open and not self._speaks_anew and self._user_exchange < self._model_exchange:
            return self._model_exchange  # late words
        return max(self._user_exchange, self._model_exchange) + 1

    def _begin_anew(self) -> None:
        """Speech that begins while an answer is open is no part of what is answered."""
        if self._model is not None:
            self._end_user_up_to(self._model.exchange)
            self._speaks_anew = self._user is None

    def _end_user_up_to(self, exchange: int) -> None:
        if self._user is not None and self._user.exchange <= exchange:
            self._end_user()

    def _end_user(self) -> None:
        if self._user is not None:
            self._put(msgspec.structs.replace(self._user, stage=Stage.FINAL))
        self._user = None

    # -- The model -----------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        if not text:
            return
        if self._is_cut and self._user_exchange > self._model_exchange:
            self._model = None  # the user has spoken since: this is a new answer
        self._model = self._grown(self._model, self._exchange_of_model(), Speaker.MODEL, text)
        self._model_exchange = self._model.exchange

    def _exchange_of_model(self) -> int:
        if self._user_exchange > self._model_exchange:
            return self._user_exchange
        return self._model_exchange + 1

    @property
    def _is_cut(self) -> bool:
        return self._model is not None and self._model.stage is Stage.INTERRUPTED

    def _cut(self) -> None:
        if self._model is not None and not self._is_cut:
            self._begin_anew()
            self._model = msgspec.structs.replace(self._model, stage=Stage.INTERRUPTED)
            self._put(self._model)

    def _complete(self) -> None:
        """The turn is over, and with it what the user said before it."""
        answered = self._user_exchange if self._model is None else self._model_exchange
        self._end_user_up_to(answered)
        if self._model is not None and not self._is_cut:
            self._put(msgspec.structs.replace(self._model, stage=Stage.FINAL))
        self._model = None
        self._speaks_anew = False

    def _end(self) -> None:
        self._cut()
        self._complete()

    # -- Both ----------------------------------------------------------------------------------

    def _grown(
        self, open_one: Utterance | None, exchange: int, speaker: Speaker, text: str
    ) -> Utterance:
        whole = open_one or Utterance(exchange, speaker, "")
        whole = msgspec.structs.replace(whole, text=whole.text + text)
        self._put(whole)
        return whole

    def _put(self, utterance: Utterance) -> None:
        order = (utterance.exchange, utterance.speaker is Speaker.MODEL)  # the user's first
        self._changed[order] = utterance

    def _take(self) -> list[Utterance]:
        changed = [self._changed[order] for order in sorted(self._changed)]
        self._changed = {}
        return changed
