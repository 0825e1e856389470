from conversations.chat.talk import GeminiTalk, describe
from live import ApiKeyAuth, Endpoint, OutputTranscript, SessionConfig, TurnComplete, Usage, connect
from live.simulator import Pace, Simulator


def test_usage_in_words() -> None:
    usage = Usage(
        prompt_tokens=1_100,
        response_tokens=20,
        total_tokens=1_120,
        prompt_details={"TEXT": 1_000, "AUDIO": 100},
    )
    assert describe(usage) == "1,120 tokens: prompt 1,100 (TEXT 1,000, AUDIO 100), answer 20"
    assert describe(Usage(thoughts_tokens=7)).endswith("thoughts 7")


async def test_gemini_answers_and_counts(simulator: Simulator) -> None:
    simulator.pace = Pace(playback=0.1)
    connection = await connect(
        Endpoint.developer(simulator.url),
        ApiKeyAuth(simulator.api_key),
        SessionConfig(model="models/gemini-3.8-live"),
    )
    talk = GeminiTalk(connection, "models/gemini-3.8-live")
    words = ""
    try:
        await talk.send_text("Count to two")
        while True:
            events = await talk.receive()
            words += "".join(event.text for event in events if isinstance(event, OutputTranscript))
            if any(isinstance(event, TurnComplete) for event in events):
                break
    finally:
        await talk.close()
    assert (talk.name, words.strip()) == ("gemini-3.8-live", "One, two.")
    assert talk.summary().startswith("usage: ")
    assert "usage: 0" not in talk.summary()
    assert await talk.receive() == []
