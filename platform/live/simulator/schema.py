"""The client messages of BidiGenerateContent, Developer API and Vertex AI.

Field lists: sections 4.2 and 4.3 of the protocol notes (the union of the public proto
and both official SDKs). What only Vertex AI knows is unknown on the Developer API.
"""

from live.simulator.fields import (
    Message,
    Reader,
    anything,
    base64_bytes,
    boolean,
    enum,
    integer,
    many,
    number,
    string,
    struct,
)

EMPTY = Message({})
BLOB = Message({"mime_type": string, "data": base64_bytes, "display_name": string})

PART = Message(
    {
        "text": string,
        "thought": boolean,
        "thought_signature": base64_bytes,
        "inline_data": BLOB,
        "file_data": struct,
        "function_call": Message({"id": string, "name": string, "args": struct}),
        "function_response": struct,
        "executable_code": struct,
        "code_execution_result": struct,
        "video_metadata": struct,
        "media_resolution": anything,
    }
)
CONTENT = Message({"parts": many(PART), "role": string})

_VOICE_CONFIG = Message(
    {
        "prebuilt_voice_config": Message({"voice_name": string}),
        "replicated_voice_config": Message(
            {
                "mime_type": string,
                "voice_sample_audio": base64_bytes,
                "consent_audio": base64_bytes,
                "voice_consent_signature": Message({"signature": string}),
            }
        ),
        "voice": string,
    }
)
GENERATION_CONFIG = Message(
    {
        "response_modalities": many(enum("TEXT", "IMAGE", "AUDIO", "VIDEO")),
        "candidate_count": integer,
        "max_output_tokens": integer,
        "temperature": number,
        "top_p": number,
        "top_k": number,
        "presence_penalty": number,
        "frequency_penalty": number,
        "seed": integer,
        "media_resolution": enum(
            "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"
        ),
        "speech_config": Message(
            {
                "voice_config": _VOICE_CONFIG,
                "language_code": string,
                "multi_speaker_voice_config": struct,
            }
        ),
        "thinking_config": Message(
            {
                "include_thoughts": boolean,
                "thinking_budget": integer,
                "thinking_level": enum("LOW", "HIGH", "MEDIUM", "MINIMAL", "XHIGH"),
            }
        ),
        "enable_affective_dialog": boolean,
        "translation_config": Message(
            {"target_language_code": string, "echo_target_language": boolean}
        ),
        "response_logprobs": boolean,
        "logprobs": integer,
        "response_mime_type": string,
        "response_schema": struct,
        "response_json_schema": anything,
        "stop_sequences": many(string),
        "routing_config": struct,
        "audio_timestamp": boolean,
    }
)

FUNCTION_DECLARATION = Message(
    {
        "name": string,
        "description": string,
        "parameters": struct,
        "parameters_json_schema": anything,
        "response": struct,
        "response_json_schema": anything,
        "behavior": enum("BLOCKING", "NON_BLOCKING"),
    }
)
_TOOL_FIELDS: dict[str, Reader] = {
    "function_declarations": many(FUNCTION_DECLARATION),
    "google_search": struct,
    "google_search_retrieval": struct,
    "google_maps": struct,
    "code_execution": EMPTY,
    "url_context": EMPTY,
    "computer_use": struct,
}
_DEVELOPER_TOOL = Message({**_TOOL_FIELDS, "file_search": struct, "mcp_servers": many(struct)})
_VERTEX_TOOL = Message(
    {
        **_TOOL_FIELDS,
        "enterprise_web_search": struct,
        "retrieval": struct,
        "parallel_ai_search": struct,
        "exa_ai_search": struct,
    }
)

_SENSITIVITY = ("HIGH", "LOW")
REALTIME_INPUT_CONFIG = Message(
    {
        "automatic_activity_detection": Message(
            {
                "disabled": boolean,
                "start_of_speech_sensitivity": enum(
                    *(f"START_SENSITIVITY_{level}" for level in _SENSITIVITY)
                ),
                "end_of_speech_sensitivity": enum(
                    *(f"END_SENSITIVITY_{level}" for level in _SENSITIVITY)
                ),
                "prefix_padding_ms": integer,
                "silence_duration_ms": integer,
            }
        ),
        "activity_handling": enum("START_OF_ACTIVITY_INTERRUPTS", "NO_INTERRUPTION"),
        "turn_coverage": enum(
            "TURN_INCLUDES_ONLY_ACTIVITY",
            "TURN_INCLUDES_ALL_INPUT",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        ),
        "interim_transcript_timestamp_enabled": boolean,
    }
)
TRANSCRIPTION = Message(
    {
        "language_codes": many(string),
        "custom_vocabulary": many(string),
        "word_timestamp": boolean,
        "diarization": boolean,
        "mode": enum("VERBATIM", "SMART"),
        "source_text": anything,
        "language_auto": anything,
        "language_hints": anything,
        "adaptation_phrases": many(string),
    }
)

_SETUP_FIELDS: dict[str, Reader] = {
    "model": string,
    "generation_config": GENERATION_CONFIG,
    "system_instruction": CONTENT,
    "realtime_input_config": REALTIME_INPUT_CONFIG,
    "context_window_compression": Message(
        {"trigger_tokens": integer, "sliding_window": Message({"target_tokens": integer})}
    ),
    "input_audio_transcription": TRANSCRIPTION,
    "output_audio_transcription": TRANSCRIPTION,
    "proactivity": Message({"proactive_audio": boolean, "proactive_video": boolean}),
    "history_config": Message({"initial_history_in_client_content": boolean}),
    "avatar_config": Message(
        {
            "avatar_name": string,
            "customized_avatar": Message({"image_mime_type": string, "image_data": base64_bytes}),
            "audio_bitrate_bps": integer,
            "video_bitrate_bps": integer,
        }
    ),
    "labels": struct,
}
_SAFETY_SETTING: dict[str, Reader] = {"category": string, "threshold": string}
DEVELOPER_SETUP = Message(
    {
        **_SETUP_FIELDS,
        "tools": many(_DEVELOPER_TOOL),
        "safety_settings": many(Message(_SAFETY_SETTING)),
        "session_resumption": Message({"handle": string}),
    }
)
VERTEX_SETUP = Message(
    {
        **_SETUP_FIELDS,
        "tools": many(_VERTEX_TOOL),
        "safety_settings": many(Message({**_SAFETY_SETTING, "method": string})),
        "session_resumption": Message({"handle": string, "transparent": boolean}),
        "explicit_vad_signal": boolean,
    }
)

CLIENT_CONTENT = Message({"turns": many(CONTENT), "turn_complete": boolean})
REALTIME_INPUT = Message(
    {
        "audio": BLOB,
        "video": BLOB,
        "text": string,
        "audio_stream_end": boolean,
        "activity_start": EMPTY,
        "activity_end": EMPTY,
        "media_chunks": many(BLOB),
    }
)
FUNCTION_RESPONSE = Message(
    {
        "id": string,
        "name": string,
        "response": struct,
        "scheduling": enum("SILENT", "WHEN_IDLE", "INTERRUPT"),
        "will_continue": boolean,
        "parts": many(struct),
    }
)


def _client_message(setup: Message, tool: Message) -> Message:
    return Message(
        {
            "setup": setup,
            "client_content": CLIENT_CONTENT,
            "realtime_input": REALTIME_INPUT,
            "tool_response": Message({"function_responses": many(FUNCTION_RESPONSE)}),
            "context_update": Message(
                {"system_instruction": CONTENT, "tools": Message({"tools": many(tool)})}
            ),
        }
    )


DEVELOPER_MESSAGE = _client_message(DEVELOPER_SETUP, _DEVELOPER_TOOL)
VERTEX_MESSAGE = _client_message(VERTEX_SETUP, _VERTEX_TOOL)
