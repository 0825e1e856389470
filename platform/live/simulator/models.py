"""The Live models that the simulator stands in for, and how they differ on the wire."""

from dataclasses import dataclass

BLOCKING, NON_BLOCKING = "BLOCKING", "NON_BLOCKING"


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model. Flags say what the real one does (sections 4 and 5.4 of the notes)."""

    name: str
    title: str  # its display name
    answer_tokens: int = 65536  # at most
    in_every_location: bool = True  # of Vertex AI, `global` too
    answers_in_text: bool = False
    says_role: bool = True  # `role: "model"` in modelTurn
    tells_voice_activity: bool = False
    joins_transcript: bool = False  # audio and its transcript share a message
    update_each_turn: bool = False  # sessionResumptionUpdate after each turnComplete
    content_only_seeds: bool = False  # clientContent only through historyConfig
    thinks: bool = True  # takes thinkingConfig
    levels: tuple[str, ...] = ()  # of thinkingLevel
    interacts: bool = False  # tells by interactionStatus whether more turns follow
    affective: bool = False
    always_proactive: bool = False
    sends_noise: bool = False  # empty messages between the others
    native_25: bool = False
    activity_only: bool = False  # turnCoverage is TURN_INCLUDES_ONLY_ACTIVITY unless set
    behaviors: tuple[str, ...] = (BLOCKING, NON_BLOCKING)  # of functions; the first is the default
    schedules: bool = True  # takes `scheduling` in a toolResponse
    short_call_ids: bool = False
    shows_code: bool = False  # an executableCode part ahead of a toolCall
    half_cascade: bool = False  # the generation that runs code and reads pages


_DEVELOPER = (
    Model(
        name="gemini-3.8-live",
        title="Gemini 3.8 Live",
        tells_voice_activity=True,
        thinks=False,
        always_proactive=True,
        sends_noise=True,
        behaviors=(NON_BLOCKING, BLOCKING),
        short_call_ids=True,
    ),
    Model(
        name="gemini-3.8-live-extended-thinking",
        title="Gemini 3.8 Live Extended Thinking",
        levels=("LOW", "MEDIUM", "HIGH"),
        interacts=True,
        tells_voice_activity=True,
        always_proactive=True,
        sends_noise=True,
        behaviors=(NON_BLOCKING,),
        schedules=False,
        short_call_ids=True,
    ),
    Model(
        name="gemini-3.1-flash-live-preview",
        title="Gemini 3.1 Flash Live Preview",
        levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"),
        joins_transcript=True,
        update_each_turn=True,
        content_only_seeds=True,
        behaviors=(BLOCKING,),
        schedules=False,
    ),
    Model(
        name="gemini-2.5-flash-native-audio-preview-12-2025",
        title="Gemini 2.5 Flash Native Audio Preview 12-2025",
        answer_tokens=8192,
        says_role=False,
        affective=True,
        native_25=True,
        activity_only=True,
    ),
    Model(
        name="gemini-2.5-flash-native-audio-latest",
        title="Gemini 2.5 Flash Native Audio Latest",
        answer_tokens=8192,
        says_role=False,
        affective=True,
        native_25=True,
        activity_only=True,
    ),
    # Shut down at Google in December 2025; kept here as the one that answers in text.
    Model(
        name="gemini-live-2.5-flash-preview",
        title="Gemini Live 2.5 Flash Preview",
        answer_tokens=8192,
        half_cascade=True,
        says_role=False,
        answers_in_text=True,
        shows_code=True,
        activity_only=True,
    ),
)
_VERTEX = (
    _DEVELOPER[0],
    Model(
        name="gemini-live-2.5-flash-native-audio",
        title="Gemini Live 2.5 Flash Native Audio",
        answer_tokens=8192,
        in_every_location=False,
        affective=True,
        native_25=True,
        activity_only=True,
    ),
)

DEVELOPER_MODELS = {f"models/{model.name}": model for model in _DEVELOPER}
VERTEX_MODELS = {f"publishers/google/models/{model.name}": model for model in _VERTEX}

VOICES = frozenset(
    "zephyr puck charon kore fenrir leda orus aoede callirrhoe autonoe enceladus iapetus "
    "umbriel algieba despina erinome algenib rasalgethi laomedeia achernar alnilam schedar "
    "gacrux pulcherrima achird zubenelgenubi vindemiatrix sadachbia sadaltager sulafat".split()
)
