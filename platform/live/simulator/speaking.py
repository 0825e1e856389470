"""The model's half of a conversation: thinking, generating, playing, being cut off. Pure."""

import random
from datetime import datetime, timedelta
from enum import Enum

from live.simulator import frames
from live.simulator.answer import Answer, Chunk, pitch_of
from live.simulator.sessions import Role, Said, Session, Sessions
from live.simulator.setup import Setup
from live.simulator.skills import Asked, Backed, backed_answer
from live.simulator.skills.manners import thought_about
from live.simulator.talk import CATCH_UP_S, Pace, Talk
from live.simulator.usage import usage_metadata

NOISE_SHARE = 0.08
WRITTEN_PIECE_S = 0.03
AFTER_PLAYBACK_S = 0.05


class Phase(Enum):
    """What the model does."""

    IDLE = "idle"
    THINKING = "thinking"
    CALLING = "calling"  # waits for the answer to a BLOCKING call
    GENERATING = "generating"
    PLAYING = "playing"


class Speaking(Talk):
    """Answers what the session's memory holds unanswered. `epoch` is the time of day at 0."""

    def __init__(
        self,
        setup: Setup,
        pace: Pace,
        session: Session,
        sessions: Sessions,
        *,
        epoch: datetime,
        seed: int,
    ) -> None:
        super().__init__(setup, pace, session, sessions)
        self.phase = Phase.IDLE
        self._memory = session.memory
        self._calls = session.calls
        self._tools = setup.tools
        self._results: list[str] = []  # what functions answered, not told yet
        self._epoch = epoch
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 - chance for noise, not a secret
        self._instruction = setup.instruction
        self._answer: Answer | None = None
        self._backing: Backed | None = None
        self._thought = ""
        self._answer_from = 0.0
        self._answer_waits = False
        self._said_meanwhile: list[Said] = []
        self._role = setup.model.says_role or setup.vertex
        mime_type = "audio/pcm" if setup.vertex else "audio/pcm;rate=24000"
        self._audio_frame = frames.AudioFrames(mime_type, role=self._role)
        self._actions |= {
            "answer": self._begin_answer,
            "chunk": self._send_chunk,
            "turn complete": self._complete_turn,
        }

    def _remember_user(self, said: Said) -> None:
        """Remember what the user said; during an answer, as said after it."""
        if self.phase in (Phase.IDLE, Phase.THINKING):
            self._memory.add(said)
        else:
            self._said_meanwhile.append(said)

    def _respond(self, now: float, after: float) -> None:
        if self.phase not in (Phase.IDLE, Phase.THINKING):
            self._answer_waits = True
            return
        self.phase = Phase.THINKING
        self._deadlines["answer"] = now + after

    def _make_answer(self, when: float) -> Backed:
        results, self._results = self._results, []
        asked = Asked(
            text=self._memory.unanswered(),
            history=self._memory.earlier(),
            instruction=self._instruction,
            now=self._epoch + timedelta(seconds=when),
            seed=self._seed,
            pictures=self._memory.pictures,
            last_picture=self._memory.last_picture,
        )
        self._thought = thought_about(asked.text) if self.setup.thinks else ""
        if results:
            backed = [backed_answer(asked, self._tools).text] if asked.text else []
            return Backed(" ".join(results + backed))
        return backed_answer(asked, self._tools)

    def _begin_answer(self, when: float) -> None:
        self._backing, pitch = self._make_answer(when), pitch_of(self.setup.voice)
        text = self._backing.text
        self._answer = Answer(text, spoken=not self.setup.text_answers, pitch=pitch)
        self._answer_from = when
        self.phase = Phase.GENERATING
        self._tell_not_resumable()
        self._tell_thought()
        self._out += [frames.part(each, role=self._role) for each in self._backing.parts]
        self._send_chunk(when)

    def _tell_thought(self) -> None:
        if self._thought and self.setup.tells_thoughts:
            thought = {"text": self._thought, "thought": True}
            self._out.append(frames.part(thought, role=self._role))

    def _send_chunk(self, when: float) -> None:
        if self._answer is None:
            return
        chunk = self._answer.next_chunk()
        if chunk is None:
            self._complete_generation(when)
            return
        self._out += self._chunk_frames(chunk)
        self._deadlines["chunk"] = self._next_chunk_at(self._answer, when)

    def _next_chunk_at(self, said: Answer, when: float) -> float:
        if not said.spoken:
            return when + WRITTEN_PIECE_S
        planned = self._answer_from + said.audio_s / self.pace.speed
        if planned < when - CATCH_UP_S:
            # Nothing went out for a while, so nothing played: the answer moves in time.
            self._answer_from += when - planned
        return max(when, planned)

    def _chunk_frames(self, chunk: Chunk) -> list[bytes]:
        if self.setup.text_answers:
            return [frames.part({"text": chunk.text}, role=self._role)]
        transcript = chunk.text if self.setup.output_transcription else ""
        if transcript and chunk.pcm and self.setup.model.joins_transcript:
            return [self._audio_frame(chunk.pcm, transcript)]
        found = [self._audio_frame(chunk.pcm)] if chunk.pcm else []
        if transcript:
            found.append(frames.transcription("outputTranscription", transcript))
        return found + self._noise()

    def _noise(self) -> list[bytes]:
        if not self.setup.model.sends_noise or self._chance.random() > NOISE_SHARE:
            return []
        return [self._chance.choice((frames.EMPTY, frames.EMPTY_CONTENT))]

    def _complete_generation(self, when: float) -> None:
        if self._backing is not None and self._backing.fields:
            self._out.append(frames.content(**self._backing.fields))
        if self.setup.vertex and self.setup.output_transcription and not self.setup.text_answers:
            self._out.append(frames.transcription("outputTranscription", "", finished=True))
        self._out.append(frames.content(generationComplete=True))
        self.phase = Phase.PLAYING
        played = self._answer_from + AFTER_PLAYBACK_S
        if self._answer is not None:
            played += self._answer.audio_s * self.pace.playback
        self._deadlines["turn complete"] = when if self.setup.text_answers else played

    def _complete_turn(self, when: float) -> None:
        self._end_turn(when)
        if self.setup.updates_each_turn:
            self._tell_handle(when)
        waits, self._answer_waits = self._answer_waits, False
        if waits and (self._results or self._memory.unanswered()):
            self._respond(when, self.pace.thinking)

    def _tell_not_resumable(self) -> None:
        """Say that the session cannot be resumed now; defaults are left out on the wire."""
        if self.setup.model.update_each_turn and self.setup.resumable:
            self._out.append(frames.frame({"sessionResumptionUpdate": {}}))

    def _cut(self, now: float) -> None:
        """Stop thinking or speaking at once; what was said is remembered as far as it played."""
        if self.phase is Phase.THINKING:
            self.phase = Phase.IDLE
            self._deadlines.pop("answer", None)
        elif self.phase is not Phase.IDLE:
            self._out.append(frames.content(interrupted=True))
            self._end_turn(now)

    def _end_turn(self, now: float) -> None:
        ended = self._turn_end(self._answer)
        self._remember_answer(now)
        self._compress()
        self._out.append(ended)

    def _compress(self) -> None:
        window = self.setup.compression
        if window is not None and self._memory.tokens > window.trigger_tokens:
            self._memory.cut_to(window.target_tokens)

    def _turn_end(self, said: Answer | None) -> bytes:
        usage = usage_metadata(
            self._memory, self._instruction, said, vertex=self.setup.vertex, thought=self._thought
        )
        content: dict[str, object] = {"turnComplete": True}
        if self.setup.model.interacts:
            content["interactionStatus"] = "IN_PROGRESS" if self._more_to_come else "IDLE"
        return frames.frame({"serverContent": content, "usageMetadata": usage})

    @property
    def _more_to_come(self) -> bool:
        """Whether the model goes on by itself after this turn."""
        waits = self._results or any(said.text for said in self._said_meanwhile)
        return self._calls.pending or (self._answer_waits and bool(waits))

    def _remember_answer(self, now: float) -> None:
        self._deadlines.pop("chunk", None)
        self._deadlines.pop("turn complete", None)
        said, self._answer, self.phase = self._answer, None, Phase.IDLE
        self._backing, self._thought = None, ""
        if said is not None:
            played_s = min(now - self._answer_from, said.audio_s) if said.spoken else 0.0
            text = said.told_by(played_s).strip()
            self._memory.add(Said(Role.MODEL, text, played_s))
        for later in self._said_meanwhile:
            self._memory.add(later)
        self._said_meanwhile.clear()
