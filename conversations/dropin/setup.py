"""What a caller's setup asks for, read from Google's first message. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from conversations import protocol as p
from conversations.dropin import refusals as r
from conversations.wishes import Wishes
from live import wire
from live.errors import InvalidRequest
from live.messages import ClientMessage, Content, GenerationConfig, Message, Setup, Tool

# As long as what is typed in ten messages: it is billed again on every turn.
INSTRUCTION_CHARS: Final = 10 * p.TEXT_CHARS
MAX_FUNCTIONS: Final = 64
NO_SETUP: Final = Setup(model="")


@dataclass(frozen=True, slots=True)
class Asked:
    """`model` and `modality` are for the agent to have or not. `handle`: what to resume, "" to
    begin; `resumable`: whether the caller wants handles. `hears` and `says`: which transcripts.
    `setup` is all of it, as it came."""

    model: str
    modality: str
    wishes: Wishes
    handle: str = ""
    resumable: bool = False
    hears: bool = False
    says: bool = False
    setup: Setup = field(default=NO_SETUP, compare=False, repr=False)


def read_setup(frame: str | bytes) -> Asked:
    """The caller's first message. Raises Refusal."""
    setup = read_message(frame).setup
    if setup is None:
        raise r.not_the_setup()
    return asked_by(setup)


def asked_by(setup: Setup) -> Asked:
    """What a setup asks for. Raises Refusal."""
    generation = setup.generation_config or GenerationConfig()
    resumption = setup.session_resumption
    return Asked(
        model=setup.model,
        modality=_modality(generation),
        wishes=_wishes(setup, generation),
        handle=resumption.handle if resumption else "",
        resumable=resumption is not None,
        hears=setup.input_audio_transcription is not None,
        says=setup.output_audio_transcription is not None,
        setup=setup,
    )


def read_message(frame: str | bytes) -> ClientMessage:
    """One message of the caller. Raises Refusal with Google's words for what is none."""
    if len(frame) > MESSAGE_BYTES:
        raise r.too_big()
    try:
        message, is_understood = wire.read_client(frame)
    except InvalidRequest:
        raise _unreadable(frame) from None
    if not is_understood and (strange := _stranger(frame)) is not None:
        raise strange
    return message


# The server takes no more in one message either.
MESSAGE_BYTES: Final = 1024 * 1024


def _unreadable(frame: str | bytes) -> r.Refusal:
    try:
        msgspec.json.decode(frame)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return r.invalid_json()
    return r.invalid_argument()


def _stranger(frame: str | bytes) -> r.Refusal | None:
    found = wire.stranger(msgspec.json.decode(frame), ClientMessage)
    return None if found is None else r.unknown_name(*found)


def _modality(generation: GenerationConfig) -> str:
    """The one that is asked for, "" for the agent's own."""
    asked = generation.response_modalities
    return ", ".join(asked)


def _wishes(setup: Setup, generation: GenerationConfig) -> Wishes:
    speech = generation.speech_config
    voice = speech.voice_config if speech else None
    prebuilt = voice.prebuilt_voice_config if voice else None
    return Wishes(
        instruction=_text(setup.system_instruction),
        voice=(prebuilt.voice_name if prebuilt else "") or (voice.voice if voice else ""),
        language=speech.language_code if speech else "",
        temperature=generation.temperature,
        top_p=generation.top_p,
        top_k=generation.top_k,
        presence_penalty=generation.presence_penalty,
        frequency_penalty=generation.frequency_penalty,
        max_output_tokens=generation.max_output_tokens,
        seed=generation.seed,
        media_resolution=generation.media_resolution,
        thinking=_plain(generation.thinking_config),
        hearing=_plain(setup.realtime_input_config),
        functions=_functions(setup.tools),
    )


def _text(content: Content | None) -> str:
    text = "\n".join(part.text for part in content.parts if part.text) if content else ""
    if len(text) > INSTRUCTION_CHARS:
        raise r.invalid_argument(f"An instruction may have {INSTRUCTION_CHARS} characters here.")
    return text.replace("\0", "")


def _plain(message: Message | None) -> dict[str, Any] | None:
    if message is None:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(message)
    return plain


def _functions(tools: list[Any]) -> tuple[dict[str, Any], ...]:
    """The caller's own functions. Google's tools are the agent's to have or not."""
    try:
        typed = [wire.fit(tool, Tool)[0] for tool in tools]
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError):
        raise r.invalid_argument("One of the tools is none.") from None
    functions = [
        msgspec.to_builtins(function) for tool in typed for function in tool.function_declarations
    ]
    if len(functions) > MAX_FUNCTIONS:
        raise r.invalid_argument(f"At most {MAX_FUNCTIONS} functions may be declared here.")
    return tuple(functions)
