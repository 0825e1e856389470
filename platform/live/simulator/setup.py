"""The `setup` message: what a client asks of its session, checked as the server checks it."""

import re
from dataclasses import dataclass, replace

from live.simulator.activity import Detection
from live.simulator.closes import (
    Refusal,
    internal_error,
    invalid_argument,
    model_not_found,
    no_voices_without_audio,
    publisher_model_not_found,
    text_not_supported,
)
from live.simulator.fields import Fields
from live.simulator.models import DEVELOPER_MODELS, VERTEX_MODELS, VOICES, Model
from live.simulator.paths import Service
from live.simulator.tools import Tools, read_tools

_VERTEX_NAME = re.compile(
    r"(?:(?P<place>projects/[^/]+/locations/(?P<location>[^/]+))/)?"
    r"(?P<model>publishers/google/models/[^/]+)"
)
_NOT_LIVE = frozenset(
    "response_logprobs logprobs response_mime_type response_schema response_json_schema "
    "stop_sequences routing_config audio_timestamp".split()
)
_HIGH, _LOW = Detection(), Detection(threshold=0.012, prefix_ms=140, silence_ms=1000)


CONTEXT_TOKENS = 131072
FRAME_TOKENS = {"MEDIA_RESOLUTION_LOW": 64, "MEDIA_RESOLUTION_MEDIUM": 256}
DEFAULT_FRAME_TOKENS = 258


@dataclass(frozen=True)
class Window:
    """Context window compression: above `trigger_tokens` the oldest go, down to the target."""

    trigger_tokens: int
    target_tokens: int


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A session's settings. `handle` is "" for a new session.

    `place` is the project and region on Vertex AI, "" where the client names none. With
    `thinks` the model thinks before it answers, with `tells_thoughts` it says what.
    `transparent` resumption says which messages of the client need not be sent again.

    `frame_tokens` is what one video frame costs; without `covers_all_video` only frames that
    were sent while the user spoke belong to the turn (`turnCoverage`).
    """

    model: Model
    vertex: bool
    place: str
    thinks: bool
    tells_thoughts: bool
    text_answers: bool
    instruction: str
    voice: str
    detection: Detection
    automatic_activity: bool
    interruptible: bool
    input_transcription: bool
    output_transcription: bool
    vad_signal: bool
    resumable: bool
    transparent: bool
    handle: str
    seeding: bool
    tools: Tools
    compression: Window | None
    covers_all_video: bool
    frame_tokens: int

    @property
    def updates_each_turn(self) -> bool:
        """Whether a sessionResumptionUpdate follows each turnComplete."""
        return self.resumable and (self.transparent or self.model.update_each_turn)


def read_setup(fields: Fields, service: Service) -> Setup:
    """Return the settings in a `setup` message's fields.

    Raises Refusal: 1008 for an unknown model, 1007 for a combination the model refuses.
    """
    model, place = _model(fields.get("model", ""), service)
    generation = fields.get("generation_config", {})
    _check_generation(generation, model)
    thinking = _thinking(generation, model)
    _check_proactivity(fields.get("proactivity", {}), model)
    realtime = fields.get("realtime_input_config", {})
    activity = realtime.get("automatic_activity_detection", {})
    return Setup(
        model=model,
        vertex=service.vertex,
        place=place,
        thinks=thinking is not None,
        tells_thoughts=bool(thinking and thinking.get("include_thoughts")),
        text_answers=_answers_in_text(generation, model),
        instruction=content_text(fields.get("system_instruction", {})),
        voice=_voice(generation),
        detection=_detection(activity, service),
        automatic_activity=not activity.get("disabled", False),
        interruptible=realtime.get("activity_handling") != "NO_INTERRUPTION",
        input_transcription="input_audio_transcription" in fields,
        output_transcription="output_audio_transcription" in fields,
        vad_signal=fields.get("explicit_vad_signal", False),
        resumable="session_resumption" in fields,
        transparent=fields.get("session_resumption", {}).get("transparent", False),
        handle=fields.get("session_resumption", {}).get("handle", ""),
        seeding=fields.get("history_config", {}).get("initial_history_in_client_content", False),
        tools=read_tools(fields.get("tools", []), model),
        compression=_compression(fields.get("context_window_compression", {})),
        covers_all_video=_covers_all_video(realtime.get("turn_coverage", ""), model),
        frame_tokens=FRAME_TOKENS.get(generation.get("media_resolution", ""), DEFAULT_FRAME_TOKENS),
    )


def content_text(content: Fields) -> str:
    """Return the text parts of a Content, joined; thoughts are left out."""
    parts = content.get("parts", [])
    return " ".join(part["text"] for part in parts if part.get("text") and not part.get("thought"))


def _model(name: str, service: Service) -> tuple[Model, str]:
    """Return the model of a name, and the project and region where it is asked for."""
    if not name:
        raise invalid_argument()
    if service.vertex:
        return _vertex_model(name)
    if name not in DEVELOPER_MODELS:
        raise model_not_found(name, service.version)
    return DEVELOPER_MODELS[name], ""


def _vertex_model(name: str) -> tuple[Model, str]:
    match = _VERTEX_NAME.fullmatch(name)
    found = VERTEX_MODELS.get(match["model"]) if match else None
    if match is None or found is None:
        raise publisher_model_not_found(name)
    if match["location"] == "global" and not found.in_every_location:
        raise publisher_model_not_found(name)
    return found, match["place"] or ""


def _check_generation(generation: Fields, model: Model) -> None:
    if _NOT_LIVE & generation.keys() or len(generation.get("response_modalities", [])) > 1:
        raise invalid_argument()
    if generation.get("enable_affective_dialog") and not model.affective:
        raise internal_error()
    if not 0 <= generation.get("temperature", 1.0) <= 2:
        raise invalid_argument()


def _thinking(generation: Fields, model: Model) -> Fields | None:
    """Return the thinkingConfig of a session that thinks, None of one that does not."""
    thinking: Fields | None = generation.get("thinking_config")
    if thinking is None:
        return None
    level = thinking.get("thinking_level", "")
    if not model.thinks or level not in (*model.levels, "", "THINKING_LEVEL_UNSPECIFIED"):
        raise invalid_argument()
    return thinking if thinking.get("thinking_budget") != 0 else None


def _check_proactivity(proactivity: Fields, model: Model) -> None:
    if model.always_proactive and proactivity.get("proactive_audio") is False:
        raise invalid_argument()


def _answers_in_text(generation: Fields, model: Model) -> bool:
    modality = (generation.get("response_modalities") or ["AUDIO"])[0]
    if modality == "TEXT" and not model.answers_in_text:
        raise _text_refusal(model)
    if modality not in ("TEXT", "AUDIO"):
        raise invalid_argument()
    return bool(modality == "TEXT")


def _text_refusal(model: Model) -> Refusal:
    return no_voices_without_audio() if model.native_25 else text_not_supported()


def _voice(generation: Fields) -> str:
    config = generation.get("speech_config", {}).get("voice_config", {})
    name = config.get("prebuilt_voice_config", {}).get("voice_name", "") or config.get("voice", "")
    if name and name.lower() not in VOICES:
        raise invalid_argument()
    return str(name)


def _compression(fields: Fields) -> Window | None:
    if "sliding_window" not in fields:
        return None  # no mechanism was chosen
    trigger = fields.get("trigger_tokens", CONTEXT_TOKENS * 8 // 10)
    target = fields["sliding_window"].get("target_tokens", trigger // 2)
    if not 0 <= target <= trigger:
        raise invalid_argument()
    return Window(trigger, target)


def _covers_all_video(coverage: str, model: Model) -> bool:
    if not coverage or coverage.endswith("UNSPECIFIED"):
        return not model.activity_only
    return coverage != "TURN_INCLUDES_ONLY_ACTIVITY"


def _detection(activity: Fields, service: Service) -> Detection:
    default = "LOW" if service.vertex else "HIGH"
    start = activity.get("start_of_speech_sensitivity") or f"START_SENSITIVITY_{default}"
    end = activity.get("end_of_speech_sensitivity") or f"END_SENSITIVITY_{default}"
    base = _LOW if start.endswith("LOW") else _HIGH
    silence = (_LOW if end.endswith("LOW") else _HIGH).silence_ms
    return replace(
        base,
        prefix_ms=activity.get("prefix_padding_ms", base.prefix_ms),
        silence_ms=max(20, activity.get("silence_duration_ms", silence)),
    )
