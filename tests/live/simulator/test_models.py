from live.simulator.models import DEVELOPER_MODELS, VERTEX_MODELS, VOICES


def test_names_are_the_resource_names_of_each_api() -> None:
    assert all(name.startswith("models/") for name in DEVELOPER_MODELS)
    assert all(name.startswith("publishers/google/models/") for name in VERTEX_MODELS)
    assert "models/gemini-3.8-live" in DEVELOPER_MODELS


def test_one_old_model_still_answers_in_text() -> None:
    written = [name for name, model in DEVELOPER_MODELS.items() if model.answers_in_text]
    assert written == ["models/gemini-live-2.5-flash-preview"]


def test_there_are_thirty_voices() -> None:
    assert len(VOICES) == 30
