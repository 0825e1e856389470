"""What a session tells its owner: one small immutable object for each fact.

Transcripts and audio come in pieces, to be appended in order. `repr` shows no word that was said.
"""

from live.events.answer import (
    Audio,
    CodeExecutionResult,
    ExecutableCode,
    FileData,
    Grounding,
    InlineData,
    InputTranscript,
    InterimInputTranscript,
    OutputTranscript,
    Text,
    Thought,
    ThoughtSignature,
    Transcript,
    UrlContext,
)
from live.events.base import (
    Event,
    Unknown,
)
from live.events.progress import (
    GO_AWAY,
    Connected,
    Disconnected,
    GenerationComplete,
    GoAway,
    InteractionStatus,
    Interrupted,
    Ready,
    ResumptionUpdate,
    ToolCall,
    ToolCallCancellation,
    TurnComplete,
    VoiceActivity,
    WaitingForInput,
)
from live.events.reading import (
    events_of,
    is_shown,
)
from live.events.usage import (
    Usage,
)

__all__ = [
    "GO_AWAY",
    "Audio",
    "CodeExecutionResult",
    "Connected",
    "Disconnected",
    "Event",
    "ExecutableCode",
    "FileData",
    "GenerationComplete",
    "GoAway",
    "Grounding",
    "InlineData",
    "InputTranscript",
    "InteractionStatus",
    "InterimInputTranscript",
    "Interrupted",
    "OutputTranscript",
    "Ready",
    "ResumptionUpdate",
    "Text",
    "Thought",
    "ThoughtSignature",
    "ToolCall",
    "ToolCallCancellation",
    "Transcript",
    "TurnComplete",
    "Unknown",
    "UrlContext",
    "Usage",
    "VoiceActivity",
    "WaitingForInput",
    "events_of",
    "is_shown",
]
