import pytest

from live.setup.models import traits_of


@pytest.mark.parametrize(
    "name",
    [
        "gemini-3.8-live",
        "models/gemini-3.8-live",
        "projects/p/locations/l/publishers/google/models/gemini-3.8-live",
    ],
)
def test_a_model_is_known_by_each_of_its_names(name: str) -> None:
    traits = traits_of(name)
    assert traits is not None
    assert not traits.thinking_levels


def test_the_longer_name_is_another_model() -> None:
    traits = traits_of("gemini-3.8-live-extended-thinking")
    assert traits is not None
    assert traits.behaviors == {"NON_BLOCKING"}


def test_the_date_of_a_model_does_not_matter() -> None:
    dated = traits_of("gemini-2.5-flash-native-audio-preview-12-2025")
    assert dated is not None
    assert dated is traits_of("gemini-2.5-flash-native-audio-latest")


@pytest.mark.parametrize("name", ["gemini-live-2.5-flash-preview", "gemini-9-live", ""])
def test_other_models_are_not_judged(name: str) -> None:
    assert traits_of(name) is None
