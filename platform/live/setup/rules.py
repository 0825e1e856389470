"""What may not be asked for: found here, before Google closes the connection for it.

Google answers a wrong setup with 1007 and a text that names a field at best. The rules are a
table; each row says when it is broken. Sources: the BidiGenerateContent proto, the Live guide,
the models' pages, and what both official SDKs refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from live.endpoint import Endpoint
from live.errors import Diagnosis, InvalidRequest, LiveError, ModelError
from live.messages import AutomaticActivityDetection, ThinkingConfig, VoiceConfig
from live.setup.config import SessionConfig
from live.setup.models import ModelTraits, traits_of
from live.setup.tools import check_tools, functions_of

_TRIGGER_TOKENS = range(5_000, 128_001)  # Vertex AI


def check(config: SessionConfig, endpoint: Endpoint) -> None:
    """Refuse options that cannot go together, or that the endpoint or the model does not have.

    Raises `InvalidRequest`, or `ModelError` where another model would do.
    """
    for rule in _RULES:
        if rule.is_broken(config, endpoint):
            raise InvalidRequest(Diagnosis(rule.code, rule.summary, rule.fix))
    for option, value, names in _named(config):
        if value and value not in names:
            raise InvalidRequest(_no_such_name(option, names))
    for option, number, low, high in _numbers(config):
        if number is not None and not low <= number <= high:
            raise InvalidRequest(_out_of_range(option, low, high))
    check_tools(config.tools, endpoint)
    if (traits := traits_of(config.model)) is not None:
        _check_model(config, endpoint, traits)


# -- Combinations, and what only one of the two APIs has -------------------------------------------


class _Rule(NamedTuple):
    code: str
    summary: str
    fix: str
    is_broken: Callable[[SessionConfig, Endpoint], bool]


_CONFLICT = "option_conflict"
_ELSEWHERE = "option_unsupported"
_FOR_VERTEX = "Leave it out, or use Vertex AI."
_FOR_DEVELOPER = "Leave it out, or use the Developer API."

# fmt: off
_RULES = (
    _Rule("modality_combination", "A session answers in exactly one modality.",
        "Choose AUDIO, or TEXT, or VIDEO with an avatar.",
        lambda config, endpoint: len(config.modalities) != 1),
    _Rule(_CONFLICT, "An avatar and the modality VIDEO go together.",
        "Ask for both, or for neither.",
        lambda config, endpoint: (config.avatar is not None) != ("VIDEO" in config.modalities)),
    _Rule(_CONFLICT, "A voice is prebuilt, replicated or named: one of the three.",
        "Leave one of them in the voice.",
        lambda config, endpoint: _kinds_of(config.voice) > 1),
    _Rule(_CONFLICT, "A thinking budget and a thinking level exclude each other.",
        "Give the level for 3.x models, the budget for 2.5.",
        lambda config, endpoint: config.thinking is not None
            and config.thinking.thinking_budget is not None
            and bool(config.thinking.thinking_level)),
    _Rule(_CONFLICT, "Thresholds of a compression that is switched off.",
        "Switch the compression on, or leave the thresholds out.",
        lambda config, endpoint: not config.compression and bool(_thresholds(config))),
    _Rule(_CONFLICT, "The compression's target is not below its trigger.",
        "Compress to fewer tokens than start the compression.",
        lambda config, endpoint: len(_thresholds(config)) == 2
            and _thresholds(config)[1] >= _thresholds(config)[0]),
    _Rule(_CONFLICT, "Transparent resumption without resumption.",
        "Switch the resumption on.",
        lambda config, endpoint: config.transparent and not config.resumption),
    _Rule(_ELSEWHERE, "Transparent resumption exists on Vertex AI only.", _FOR_VERTEX,
        lambda config, endpoint: config.transparent and not endpoint.is_vertex),
    _Rule(_ELSEWHERE, "The explicit voice-activity signal exists on Vertex AI only.", _FOR_VERTEX,
        lambda config, endpoint: config.explicit_vad_signal and not endpoint.is_vertex),
    _Rule(_ELSEWHERE, "A safety setting's method exists on Vertex AI only.", _FOR_VERTEX,
        lambda config, endpoint: not endpoint.is_vertex
            and any(setting.method for setting in config.safety_settings)),
    _Rule(_ELSEWHERE, "Labels exist on the Developer API only.", _FOR_DEVELOPER,
        lambda config, endpoint: bool(config.labels) and endpoint.is_vertex),
    _Rule("value_out_of_range", "Vertex AI compresses between 5,000 and 128,000 tokens.",
        "Choose a trigger within these bounds.",
        lambda config, endpoint: endpoint.is_vertex
            and config.compression_trigger_tokens is not None
            and config.compression_trigger_tokens not in _TRIGGER_TOKENS),
)
# fmt: on


def _kinds_of(voice: str | VoiceConfig) -> int:
    if isinstance(voice, str):
        return bool(voice)
    kinds = (voice.prebuilt_voice_config, voice.replicated_voice_config, voice.voice)
    return sum(1 for kind in kinds if kind)


def _thresholds(config: SessionConfig) -> list[int]:
    given = (config.compression_trigger_tokens, config.compression_target_tokens)
    return [threshold for threshold in given if threshold is not None]


# -- Names and numbers ---------------------------------------------------------------------------

_Names = frozenset[str]

_MODALITIES = frozenset({"AUDIO", "TEXT", "VIDEO"})
_RESOLUTIONS = frozenset(f"MEDIA_RESOLUTION_{level}" for level in ("LOW", "MEDIUM", "HIGH"))
_LEVELS = frozenset({"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"})
_STARTS = frozenset({"START_SENSITIVITY_HIGH", "START_SENSITIVITY_LOW"})
_ENDS = frozenset({"END_SENSITIVITY_HIGH", "END_SENSITIVITY_LOW"})
_HANDLINGS = frozenset({"START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"})
_COVERAGES = frozenset(
    {
        "TURN_INCLUDES_ONLY_ACTIVITY",
        "TURN_INCLUDES_ALL_INPUT",
        "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
    }
)
_MODES = frozenset({"VERBATIM", "SMART"})
_THRESHOLDS = frozenset(
    {"BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF"}
)
_METHODS = frozenset({"SEVERITY", "PROBABILITY"})


def _named(config: SessionConfig) -> Iterator[tuple[str, str, _Names]]:
    """Every option whose value is a name: option, value, the names there are."""
    for modality in config.modalities:
        yield "modalities", modality or "(empty)", _MODALITIES
    yield "media_resolution", config.media_resolution, _RESOLUTIONS
    yield "thinking_level", (config.thinking or ThinkingConfig()).thinking_level, _LEVELS
    if (realtime := config.realtime_input) is not None:
        yield "activity_handling", realtime.activity_handling, _HANDLINGS
        yield "turn_coverage", realtime.turn_coverage, _COVERAGES
    detection = _detection(config)
    yield "start_of_speech_sensitivity", detection.start_of_speech_sensitivity, _STARTS
    yield "end_of_speech_sensitivity", detection.end_of_speech_sensitivity, _ENDS
    for transcription in (config.input_transcription, config.output_transcription):
        if not isinstance(transcription, bool):
            yield "mode", transcription.mode, _MODES
    for setting in config.safety_settings:
        yield "threshold", setting.threshold, _THRESHOLDS
        yield "method", setting.method, _METHODS


_INT32 = 2**31 - 1


def _numbers(config: SessionConfig) -> Iterator[tuple[str, float | None, float, float]]:
    """Every option that is a number: option, value, smallest, greatest."""
    yield "temperature", config.temperature, 0, 2
    yield "top_p", config.top_p, 0, 1
    yield "top_k", config.top_k, 1, _INT32
    yield "presence_penalty", config.presence_penalty, -2, 2
    yield "frequency_penalty", config.frequency_penalty, -2, 2
    yield "candidate_count", config.candidate_count, 1, 1
    yield "max_output_tokens", config.max_output_tokens, 1, _INT32
    yield "seed", config.seed, -_INT32, _INT32
    yield "thinking_budget", (config.thinking or ThinkingConfig()).thinking_budget, -1, _INT32
    yield "compression_trigger_tokens", config.compression_trigger_tokens, 1, _INT32
    yield "compression_target_tokens", config.compression_target_tokens, 0, _INT32
    detection = _detection(config)
    yield "prefix_padding_ms", detection.prefix_padding_ms, 0, _INT32
    yield "silence_duration_ms", detection.silence_duration_ms, 0, _INT32


def _detection(config: SessionConfig) -> AutomaticActivityDetection:
    realtime = config.realtime_input
    detection = realtime and realtime.automatic_activity_detection
    return detection or AutomaticActivityDetection()


def _no_such_name(option: str, names: _Names) -> Diagnosis:
    return Diagnosis(
        "option_malformed", f"{option} is none of its names.", f"Use {', '.join(sorted(names))}."
    )


def _out_of_range(option: str, low: float, high: float) -> Diagnosis:
    return Diagnosis(
        "value_out_of_range", f"{option} is out of its range.", f"Use {low:g} to {high:g}."
    )


# -- Models ---------------------------------------------------------------------------------------


def _check_model(config: SessionConfig, endpoint: Endpoint, traits: ModelTraits) -> None:
    if config.modalities == ("TEXT",):
        raise _not_of_model(
            "modality_unsupported",
            "The model answers in audio only.",
            "Use AUDIO with output transcription.",
        )
    _check_thinking(config.thinking, traits)
    _check_affection(config, endpoint, traits)
    behaviors = {function.behavior for function in functions_of(config.tools)} - {""}
    if not behaviors <= traits.behaviors:
        raise _not_of_model(
            _ELSEWHERE,
            "The model does not have functions of this behavior.",
            f"Use {' or '.join(sorted(traits.behaviors))}, or another model.",
        )


def _check_thinking(thinking: ThinkingConfig | None, traits: ModelTraits) -> None:
    if thinking is None:
        return
    if not traits.thinking_levels and not traits.thinking_budget:
        raise _not_of_model(
            _ELSEWHERE,
            "The model takes no thinking options.",
            "Leave them out, or choose a thinking model.",
        )
    if thinking.thinking_budget is not None and not traits.thinking_budget:
        raise _not_of_model(
            _ELSEWHERE, "The model takes no thinking budget.", "Give a thinking level."
        )
    if thinking.thinking_level and thinking.thinking_level not in traits.thinking_levels:
        known = ", ".join(sorted(traits.thinking_levels))
        raise _not_of_model(
            _ELSEWHERE,
            "The model does not take this thinking level.",
            f"Use {known}." if known else "Give a thinking budget.",
        )


def _check_affection(config: SessionConfig, endpoint: Endpoint, traits: ModelTraits) -> None:
    proactivity = config.proactivity
    if config.affective_dialog and not traits.affective:
        raise _not_of_model(_ELSEWHERE, "The model has no affective dialog.", _LEAVE_OUT)
    if proactivity is not None and not traits.proactive:
        raise _not_of_model(_ELSEWHERE, "The model has no proactivity.", _LEAVE_OUT)
    if proactivity and traits.proactive_always and proactivity.proactive_audio is False:
        raise _not_of_model(_ELSEWHERE, "The model is always proactive.", _LEAVE_OUT)
    version = traits.affective_version
    asked = config.affective_dialog or proactivity is not None
    if asked and version and not endpoint.is_vertex and endpoint.api_version != version:
        raise _not_of_model(
            _ELSEWHERE,
            f"Only {version} has proactivity and affective dialog for the model.",
            f"Use the API version {version}, or leave them out.",
        )


_LEAVE_OUT = "Leave it out, or choose another model."


def _not_of_model(code: str, summary: str, fix: str) -> LiveError:
    return ModelError(Diagnosis(code, summary, fix))
