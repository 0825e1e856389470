"""Our server's frames as Google's server messages. Pure: no I/O, no time.

A stream between our processes may break, and a worker may die: then a snapshot comes. What it
has and the caller was not told is told like any other news, and an answer that nobody finishes
ends as an interrupted one. So a caller's turn always ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from conversations import protocol as p
from conversations.dropin import refusals as r
from conversations.states import AgentState, CallState, ConversationState, Speaker, TurnState
from live.messages import (
    Blob,
    Content,
    FunctionCall,
    GoAwayMessage,
    ModalityTokenCount,
    Part,
    ServerContent,
    ServerMessage,
    SessionResumptionUpdate,
    SetupComplete,
    ToolCallCancellationMessage,
    ToolCallMessage,
    Transcription,
    UsageMetadata,
    VoiceActivityMessage,
)

# What of the conversation is remembered, to know what a snapshot brings that is new.
REMEMBERED_BYTES: Final = p.SNAPSHOT_BYTES

# Nobody waits for the answer any more.
WITHDRAWN: Final = frozenset({CallState.CANCELLED, CallState.TIMED_OUT})

encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Manner:
    """How this caller is to be told. `hears` and `says`: transcripts of the user's and the
    agent's voice; `handle`: what resumes the session, "" when the caller wants none; `session`:
    the id that Vertex AI tells, "" on the Developer API."""

    hears: bool = False
    says: bool = False
    in_text: bool = False
    handle: str = ""
    session: str = ""

    @property
    def is_vertex(self) -> bool:
        return bool(self.session)

    @property
    def sound_type(self) -> str:
        rate = "" if self.is_vertex else f";rate={p.OUTPUT_RATE_HZ}"
        return f"audio/pcm{rate}"


class Telling:
    """One socket's view. `take` gives what to tell the caller; `owed` collects what to tell our
    host in turn; `ended` says why it is over, once it is."""

    def __init__(self, manner: Manner, name: str) -> None:
        self._name = name
        self.is_ready = False
        self.ended: r.Refusal | None = None
        self.owed: list[p.ClientMessage] = []
        self._manner = manner
        self._picture: p.Picture | None = None
        # Something was said since the last turnComplete.
        self._is_open = False
        self._is_interrupted = False
        self._hears = False
        # Calls for the caller that it was not told of yet, and the names of those it has.
        self._asked: dict[str, FunctionCall] = {}
        self._expects_call = False
        self._late: list[p.Progress] = []
        self.calls: dict[str, str] = {}

    def take(self, frame: bytes) -> list[bytes]:
        """One frame as it comes from the host. Raises Refusal when it refuses what was said."""
        if frame[0] == p.AUDIO:
            return [encode(self._sound(frame))] if self.is_ready else []
        if p.position_decoder.decode(frame).type == "event":
            told = self._event(p.event_decoder.decode(frame))
        else:
            told = self._message(p.server_decoder.decode(frame))
        return [encode(message) for message in told]

    def leaving(self, within_ms: int) -> bytes:
        """This server goes: Google's goAway."""
        return encode(ServerMessage(go_away=GoAwayMessage(f"{within_ms / 1000:.3f}s")))

    # --- sound ----------------------------------------------------------------------

    def _sound(self, frame: bytes) -> ServerMessage:
        self._is_open = True
        blob = Blob(data=frame[p.HEADER.size :], mime_type=self._manner.sound_type)
        return content(model_turn=Content("model", [Part(inline_data=blob)]))

    # --- numbered events ------------------------------------------------------------

    def _event(self, event: p.Event) -> Iterator[ServerMessage]:
        picture = self._picture or p.Picture()
        picture.fold(event)
        if isinstance(event, p.TurnEnded):
            picture.trim(REMEMBERED_BYTES)
        self._picture = picture
        yield from self._getting_ready(picture)
        match event:
            case p.TurnText():
                turn = picture.find(event.turn)
                if turn is not None:
                    yield from self._words(turn, event.text)
            case p.AgentChanged():
                yield from self._agent_is(event.state)
            case p.Interrupted():
                yield from self._interrupted()
            case p.Progress():
                yield from self._progress(event)
            case p.ToolChanged():
                yield from self._tool(event)
            case p.Ended():
                self.ended = r.ended(event.reason)

    def _words(self, turn: p.TurnPicture, text: str) -> Iterator[ServerMessage]:
        if not self.is_ready or not text:
            return
        if turn.speaker == Speaker.AGENT:
            self._is_open = True
            if self._manner.in_text:
                yield content(model_turn=Content("model", [Part(text=text)]))
            elif self._manner.says:
                yield content(output_transcription=Transcription(text=text))
        elif turn.speaker == Speaker.USER and turn.ref is None and self._manner.hears:
            yield content(input_transcription=Transcription(text=text))

    def _agent_is(self, now: AgentState) -> Iterator[ServerMessage]:
        self._expects_call = self._expects_call or now == AgentState.USING_TOOL
        if now == AgentState.WAITING:
            yield from self._cut()
        elif self.is_ready and now == AgentState.HEARING_USER:
            self._hears = True
            yield activity("ACTIVITY_START")
        elif self._hears and now != AgentState.INTERRUPTED:
            self._hears = False
            yield activity("ACTIVITY_END")

    def _interrupted(self) -> Iterator[ServerMessage]:
        if self.is_ready and not self._is_interrupted:
            self._is_open = self._is_interrupted = True
            yield content(interrupted=True)

    def _progress(self, event: p.Progress) -> Iterator[ServerMessage]:
        """A call goes before the end of its turn, as at Google: ours is noted first, and late."""
        if self._expects_call or self._asked:
            self._late.append(event)
        elif self.is_ready:
            yield self._stage(event)

    def _catch_up(self) -> Iterator[ServerMessage]:
        late, self._late, self._expects_call = self._late, [], False
        if self.is_ready:
            yield from map(self._stage, late)

    def _stage(self, event: p.Progress) -> ServerMessage:
        if event.stage == "generated":
            self._is_open = True
            return content(generation_complete=True)
        return self._turn_complete(event.reason, event.tokens)

    def _turn_complete(self, reason: str = "", tokens: p.Tokens | None = None) -> ServerMessage:
        self._is_open = self._is_interrupted = False
        return ServerMessage(
            server_content=ServerContent(turn_complete=True, turn_complete_reason=reason),
            usage_metadata=usage(tokens, is_vertex=self._manner.is_vertex) if tokens else None,
        )

    def _cut(self) -> Iterator[ServerMessage]:
        """Who was speaking is gone: what was begun is not finished."""
        yield from self._catch_up()
        if self._is_open:
            yield from self._interrupted()
            yield self._turn_complete()

    # --- calls of tools ----------------------------------------------------------------

    def _tool(self, tool: p.ToolChanged | p.ToolPicture) -> Iterator[ServerMessage]:
        yield from self._call(tool)
        if not self._asked:
            yield from self._catch_up()

    def _call(self, tool: p.ToolChanged | p.ToolPicture) -> Iterator[ServerMessage]:
        """A call is taken first; once our host has noted that, the caller is asked to make it."""
        call, state = tool.call, tool.state
        match state:
            case CallState.REQUESTED if call not in self._asked and call not in self.calls:
                args = dict(tool.args or {})
                self._asked[call] = FunctionCall(id=call, name=tool.name, args=args)
                self.owed.append(p.ToolTake(call, by=self._name))
            case CallState.RUNNING if call in self._asked and tool.by == self._name:
                self.calls[call] = tool.name
                yield ServerMessage(tool_call=ToolCallMessage([self._asked.pop(call)]))
            case CallState.REQUESTED | CallState.RUNNING:
                pass  # a server makes it, or the caller has it
            case _:
                self._asked.pop(call, None)
                if self.calls.pop(call, None) and state in WITHDRAWN:
                    cancelled = ToolCallCancellationMessage([call])
                    yield ServerMessage(tool_call_cancellation=cancelled)

    # --- what has no number --------------------------------------------------------------

    def _message(self, message: p.ServerMessage) -> Iterator[ServerMessage]:
        match message:
            case p.Snapshot():
                yield from self._snapshot(message.state)
            case p.Error():
                if (refusal := refusal_of(message)) is not None:
                    raise refusal
            case _:
                pass  # it concerns a page: who looks on, what was lost on the way

    def _snapshot(self, picture: p.Picture) -> Iterator[ServerMessage]:
        before, self._picture = self._picture, picture
        yield from self._getting_ready(picture)
        if before is not None:
            for turn, text in news(before, picture):
                yield from self._words(turn, text)
            if not is_speaking(picture):
                yield from self._cut()
        for tool in picture.tools:
            yield from self._tool(tool)
        if picture.ended is not None:
            self.ended = r.ended(picture.ended)

    def _getting_ready(self, picture: p.Picture) -> Iterator[ServerMessage]:
        """The caller is let begin when the model answers."""
        if self.is_ready or picture.state != ConversationState.LIVE:
            return
        self.is_ready = True
        yield ServerMessage(setup_complete=SetupComplete(session_id=self._manner.session))
        if self._manner.handle:
            update = SessionResumptionUpdate(new_handle=self._manner.handle, resumable=True)
            yield ServerMessage(session_resumption_update=update)


def content(
    *,
    model_turn: Content | None = None,
    generation_complete: bool = False,
    interrupted: bool = False,
    input_transcription: Transcription | None = None,
    output_transcription: Transcription | None = None,
) -> ServerMessage:
    return ServerMessage(
        server_content=ServerContent(
            model_turn=model_turn,
            generation_complete=generation_complete,
            interrupted=interrupted,
            input_transcription=input_transcription,
            output_transcription=output_transcription,
        )
    )


def activity(kind: str) -> ServerMessage:
    """Beside an empty serverContent, as Google sends it: older SDKs know no message of its own."""
    return ServerMessage(server_content=ServerContent(), voice_activity=VoiceActivityMessage(kind))


def usage(tokens: p.Tokens, *, is_vertex: bool) -> UsageMetadata:
    answer = "candidates" if is_vertex else "response"
    return UsageMetadata(
        prompt_token_count=tokens.prompt,
        cached_content_token_count=tokens.cached,
        tool_use_prompt_token_count=tokens.tool_use,
        thoughts_token_count=tokens.thoughts,
        total_token_count=tokens.total,
        prompt_tokens_details=by_modality(tokens.prompt_details),
        **{  # type: ignore[arg-type]
            f"{answer}_token_count": tokens.response,
            f"{answer}_tokens_details": by_modality(tokens.response_details),
        },
    )


def by_modality(details: Mapping[str, int]) -> list[ModalityTokenCount]:
    return [ModalityTokenCount(modality, count) for modality, count in details.items()]


def news(before: p.Picture, after: p.Picture) -> Iterator[tuple[p.TurnPicture, str]]:
    """What a snapshot has of words that was not there before: each turn with what was added."""
    known = {turn.turn: turn.text for turn in before.turns}
    newest = max((order(turn.turn) for turn in before.turns), default=(0, 0))
    for turn in after.turns:
        if turn.turn in known or order(turn.turn) > newest:
            text = known.get(turn.turn, "")
            if turn.text.startswith(text):
                yield turn, turn.text[len(text) :]


def order(turn: str) -> tuple[int, int]:
    epoch, _, seq = turn.partition(".")
    return int(epoch), int(seq)


def is_speaking(picture: p.Picture) -> bool:
    return any(
        turn.speaker == Speaker.AGENT and turn.state == TurnState.PARTIAL for turn in picture.turns
    )


# The caller could not have known: a call was over, or another page has it.
_HARMLESS: Final = frozenset({"unknown-call", "call-taken", "call-not-taken"})
_TOO_LONG: Final = frozenset({"text-too-long", "result-too-long"})


def refusal_of(error: p.Error) -> r.Refusal | None:
    """What the host did not take, in Google's way: by a close; None where nothing is lost."""
    if error.code in _HARMLESS:
        return None
    if error.code in _TOO_LONG:
        return r.invalid_argument(error.message)
    return r.out_of_quota(error.message) if error.code == "too-many-texts" else r.unavailable()
