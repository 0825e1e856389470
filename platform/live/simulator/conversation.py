"""A conversation: what the model hears, thinks and says, in the real server's order.

The theory. The user's side (`Hearing`: somebody speaks or not) and the model's side
(`Phase`) are independent; three facts couple them. Speech or typed text of the user
cuts the model off, unless the setup forbids it (section 4.5: `interrupted`, then
`turnComplete`). The end of speech lets the model answer everything said since its last
answer. What is said while the model may not be cut off waits for its `turnComplete`.
"""

from datetime import datetime

from live.simulator import frames
from live.simulator.calling import Calling
from live.simulator.closes import Refusal, invalid_argument, operation_not_implemented
from live.simulator.fields import Fields, read_message
from live.simulator.hearing import Began, Ended, Hearing
from live.simulator.media import audio_rate, check_image, picture_size
from live.simulator.schema import DEVELOPER_MESSAGE, VERTEX_MESSAGE
from live.simulator.sessions import Role, Said, Session, Sessions
from live.simulator.setup import Setup, content_text
from live.simulator.skills.manners import unheard_speech
from live.simulator.speaking import Phase
from live.simulator.talk import Pace
from live.simulator.tools import read_tools


class Conversation(Calling):
    """One connection of a session that talks. `epoch` is the time of day at monotonic 0."""

    def __init__(
        self,
        setup: Setup,
        pace: Pace,
        session: Session,
        sessions: Sessions,
        *,
        epoch: datetime,
        seed: int = 0,
    ) -> None:
        super().__init__(setup, pace, session, sessions, epoch=epoch, seed=seed)
        self._seeding = setup.seeding
        self._message = VERTEX_MESSAGE if setup.vertex else DEVELOPER_MESSAGE
        self._hearing = Hearing(setup.detection, automatic=setup.automatic_activity)
        self._heard: Ended | None = None
        self._actions |= {"stall": self._stream_stalled, "heard": self._tell_heard}

    @property
    def _user_speaks(self) -> bool:
        return self._hearing.active or self._heard is not None

    @property
    def in_mid_speech(self) -> bool:
        return self.phase is not Phase.IDLE or self._user_speaks

    def _receive(self, frame: str | bytes, now: float) -> None:
        name, fields = read_message(frame, self._message)
        match name:
            case "client_content":
                self._client_content(fields, now)
            case "realtime_input":
                self._realtime_input(fields, now)
            case "context_update":
                self._context_update(fields)
            case "tool_response":
                self._tool_response(fields, now)
            case _:
                raise invalid_argument()

    def finish(self, now: float) -> None:
        if self._heard is not None:
            self._remember_heard(self._heard)
        self._remember_answer(now)
        self._deadlines.clear()

    # What the client sends

    def _client_content(self, fields: Fields, now: float) -> None:
        if self.setup.model.content_only_seeds and not self._seeding:
            raise invalid_argument()
        self._cut(now)
        for turn in fields.get("turns", []):
            role = turn.get("role") or "user"
            if role not in ("user", "model"):
                raise Refusal(1007, "Please use a valid role: user, model.")
            self._memory.add(Said(Role(role), content_text(turn)))
        if not fields.get("turn_complete", False):
            return
        if self._seeding:
            self._seeding = False
        else:
            self._respond(now, self.pace.thinking)

    def _realtime_input(self, fields: Fields, now: float) -> None:
        if len(fields) != 1:
            raise invalid_argument()
        if self.setup.model.native_25 and self._calls.blocked:
            raise operation_not_implemented()
        [(name, value)] = fields.items()
        match name:
            case "audio":
                self._audio(value, now)
            case "media_chunks":
                self._media_chunk(value[:1], now)
            case "video":
                self._see(value, now)
            case "text":
                self._typed(value, now)
            case "audio_stream_end":
                self._notice(self._hearing.end() if self._hearing.automatic else [], now)
            case _:
                self._manual_activity(name, now)

    def _audio(self, blob: Fields, now: float) -> None:
        self._notice(self._hearing.audio(blob.get("data", b""), audio_rate(blob)), now)
        self._deadlines.pop("stall", None)
        if self._hearing.active and self._hearing.automatic:
            self._deadlines["stall"] = now + self.pace.stall

    def _media_chunk(self, blobs: list[Fields], now: float) -> None:
        for blob in blobs:
            if blob.get("mime_type", "").startswith("image/"):
                self._see(blob, now)
            else:
                self._audio(blob, now)

    def _see(self, blob: Fields, now: float) -> None:
        check_image(blob)
        if self.setup.covers_all_video or self._hearing.active:
            self._memory.see(picture_size(blob.get("data", b"")), self.setup.frame_tokens)
        self._limit_life(self.pace.video_session_life, now)

    def _manual_activity(self, name: str, now: float) -> None:
        if self._hearing.automatic:
            raise invalid_argument()
        start = name == "activity_start"
        self._notice(self._hearing.start() if start else self._hearing.end(), now)

    def _typed(self, text: str, now: float) -> None:
        if self.setup.interruptible:
            self._cut(now)
        self._remember_user(Said(Role.USER, text))
        if not self._hearing.active:
            self._respond(now, self.pace.thinking)

    def _context_update(self, fields: Fields) -> None:
        if "system_instruction" in fields:
            self._instruction = content_text(fields["system_instruction"])
        if "tools" in fields:
            self._tools = read_tools(fields["tools"].get("tools", []), self.setup.model)

    # What the model hears

    def _notice(self, changes: list[Began | Ended], now: float) -> None:
        for change in changes:
            if isinstance(change, Began):
                self._speech_began(change, now)
            else:
                self._heard = change
                self._deadlines["heard"] = now + self.pace.hearing

    def _speech_began(self, began: Began, now: float) -> None:
        if self._heard is not None:
            self._tell_heard_text(self._heard)
        self._tell_activity(True, began.offset_s)
        if self.setup.interruptible:
            self._cut(now)

    def _stream_stalled(self, when: float) -> None:
        self._notice(self._hearing.end(), when)

    def _tell_heard(self, when: float) -> None:
        heard = self._heard
        if heard is None:
            return
        self._tell_heard_text(heard)
        if heard.seconds:
            self._respond(when, 0.0)
        else:
            self._out.append(self._turn_end(None))

    def _tell_heard_text(self, heard: Ended) -> None:
        text = self._remember_heard(heard)
        if text and self.setup.input_transcription:
            finished = self.setup.vertex  # the Developer API's models leave it out
            self._out.append(frames.transcription("inputTranscription", text, finished=finished))
        self._tell_activity(False, heard.offset_s)

    def _remember_heard(self, heard: Ended) -> str:
        self._heard = None
        self._deadlines.pop("heard", None)
        if not heard.seconds:
            return ""
        text = heard.text or unheard_speech(heard.seconds)
        self._remember_user(Said(Role.USER, text, heard.seconds))
        return text

    def _tell_activity(self, active: bool, offset_s: float) -> None:
        if not self._hearing.automatic:
            return
        if self.setup.vad_signal:
            self._out.append(frames.vad_signal(active))
        elif self.setup.model.tells_voice_activity:
            self._out.append(frames.voice_activity(active, offset_s))
