"""What the program that opens a conversation may ask for, beside what the agent says. Pure.

An agent is its organisation's: all of it is locked, unless the organisation opens a part to
callers. A caller's instruction never takes the place of the agent's: it stands below it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

import live
from live.messages import RealtimeInputConfig, ThinkingConfig
from live.wire import fit


class Wishes(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """As it is stored with the conversation. `functions` are Google's function declarations,
    answered by the caller itself; `hearing` is Google's realtimeInputConfig."""

    instruction: str = ""
    voice: str = ""
    language: str = ""
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    max_output_tokens: int | None = None
    seed: int | None = None
    media_resolution: str = ""
    thinking: Mapping[str, Any] | None = None
    hearing: Mapping[str, Any] | None = None
    functions: tuple[Mapping[str, Any], ...] = ()


_TUNING: Final = (
    "temperature",
    "top_p",
    "top_k",
    "presence_penalty",
    "frequency_penalty",
    "max_output_tokens",
    "seed",
    "media_resolution",
    "thinking",
)
# What an agent can open to callers, with the wishes that belong to it.
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "instruction": ("instruction",),
    "voice": ("voice", "language"),
    "tuning": _TUNING,
    "hearing": ("hearing",),
    "functions": ("functions",),
}

LABELS: Final[Mapping[str, str]] = {
    "instruction": "An instruction of their own, below the agent's",
    "voice": "Voice and language",
    "tuning": "Temperature, length, thinking and the like",
    "hearing": "When somebody is taken to speak",
    "functions": "Functions that they answer themselves",
}


def allowed(wishes: Wishes, parts: Collection[str]) -> Wishes:
    """What is left of the wishes where only these parts are open."""
    names = [name for part in PARTS if part in parts for name in PARTS[part]]
    return Wishes(**{name: getattr(wishes, name) for name in names})


def stored(wishes: Wishes) -> dict[str, Any]:
    """As JSON for the database."""
    data: dict[str, Any] = msgspec.to_builtins(wishes)
    return data


def from_stored(data: Mapping[str, Any]) -> Wishes:
    return msgspec.convert(data, Wishes)


def with_wishes(config: live.SessionConfig, wishes: Wishes) -> live.SessionConfig:
    """The session as it is, with what its caller was allowed to wish. The functions are tools of
    the conversation and not looked at here.

    Raises msgspec.ValidationError for a part that is not as Google has it.
    """
    texts = (config.system_instruction, wishes.instruction)
    changes: dict[str, Any] = {"system_instruction": "\n\n".join(filter(None, texts))}
    numbers = {name: getattr(wishes, name) for name in _TUNING if name != "thinking"}
    changes |= {name: value for name, value in numbers.items() if value not in (None, "")}
    if wishes.voice:
        changes["voice"] = wishes.voice
    if wishes.language:
        changes["language_code"] = wishes.language
    if wishes.thinking is not None:
        changes["thinking"] = fit(wishes.thinking, ThinkingConfig)[0]
    if wishes.hearing is not None:
        changes["realtime_input"] = fit(wishes.hearing, RealtimeInputConfig)[0]
    return replace(config, **changes)
