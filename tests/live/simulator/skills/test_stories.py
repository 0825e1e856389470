from live.simulator.skills.stories import STORIES
from live.simulator.speech import phrases, speak, spoken_form


def test_stories_last_longer_than_a_minute() -> None:
    for story in STORIES:
        assert spoken_form(story) == story
        first = "".join(list(phrases(story))[:4])
        seconds = len(speak(first, 8000)) / 16000 * len(story) / len(first)
        assert seconds > 60
