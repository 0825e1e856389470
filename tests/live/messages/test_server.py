import msgspec
import pytest

from live.messages import ServerMessage, Transcription, WordInfo
from live.wire import read
from tests.live.samples import on_the_wire, sample


def test_an_empty_object_is_not_an_absent_one() -> None:
    message = msgspec.json.decode(b'{"setupComplete":{}}', type=ServerMessage)
    assert message.setup_complete is not None
    assert message.server_content is None


def test_what_the_transcribe_model_adds() -> None:
    message, whole = read(on_the_wire(sample("inputTranscription.asr_fields")))
    assert whole
    assert message.server_content is not None
    assert message.server_content.input_transcription == Transcription(
        "hello there",
        language_code="en-US",
        speaker_label="spk_1",
        words=[WordInfo("hello", "0.2s", "0.6s")],
        start_offset="0.2s",
        end_offset="1.1s",
    )


@pytest.mark.parametrize("field", msgspec.structs.fields(ServerMessage), ids=lambda f: f.name)
def test_every_kind_may_be_empty(field: msgspec.structs.FieldInfo) -> None:
    message, whole = read(on_the_wire({field.encode_name: {}}))
    assert whole
    assert getattr(message, field.name) is not None
