"""How far a model is, as it travels."""

from conversations import protocol as p


def test_a_turns_tokens_survive_the_way() -> None:
    tokens = p.Tokens(prompt=7, total=12, prompt_details={"TEXT": 7})
    event = p.Progress(epoch=1, seq=2, ms=3, stage="complete", tokens=tokens)
    assert p.event_decoder.decode(p.encode(event)) == event
    assert b'"cached"' not in p.encode(event)
