import time

from live.simulator.answer import CHUNK, FIRST_CHUNK, Answer, pitch_of
from live.simulator.skills.stories import STORIES
from live.simulator.speech import hear, spoken_form

TEXT = "Yes. The Trail Runner costs 89.90 euros, and it comes in sizes 36 to 47."


def test_a_spoken_answer_is_its_text_twice() -> None:
    answer = Answer(TEXT, spoken=True, pitch=120)
    chunks = list(iter(answer.next_chunk, None))
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert hear(b"".join(chunk.pcm for chunk in chunks), 24000) == spoken_form(TEXT)
    assert answer.audio_s == sum(chunk.seconds for chunk in chunks)


def test_chunks_are_200_ms_then_240_ms() -> None:
    chunks = iter(Answer(TEXT, spoken=True, pitch=120).next_chunk, None)
    sizes = [len(chunk.pcm) for chunk in chunks if chunk.pcm]
    assert sizes[0] == FIRST_CHUNK
    assert set(sizes[1:-1]) == {CHUNK}
    assert sizes[-1] <= CHUNK


def test_a_written_answer_has_no_sound() -> None:
    chunks = list(iter(Answer(TEXT, spoken=False, pitch=120).next_chunk, None))
    assert len(chunks) > 1
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert not any(chunk.pcm for chunk in chunks)


def test_what_was_told_depends_on_how_long_it_played() -> None:
    answer = Answer(STORIES[0], spoken=True, pitch=120)
    while answer.audio_s < 10:
        answer.next_chunk()
    told = answer.told_by(4.0)
    assert STORIES[0].startswith(told)
    assert 0 < len(told) < len(answer.told_by(10.0))


def test_no_step_of_a_long_story_takes_long() -> None:
    answer = Answer(STORIES[0], spoken=True, pitch=120)
    longest, begun = 0.0, time.thread_time()
    while answer.next_chunk() is not None:
        longest, begun = max(longest, time.thread_time() - begun), time.thread_time()
    assert answer.audio_s > 60
    assert longest < 0.05  # about 0.01 on a quiet machine


def test_each_voice_has_its_pitch() -> None:
    assert pitch_of("Kore") == pitch_of("kore") != pitch_of("Puck")
    assert 100 <= pitch_of("") <= 190
