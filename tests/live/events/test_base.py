from live.events import Event, Unknown


def test_no_word_shows_in_a_repr() -> None:
    assert repr(Unknown(b"secret")) == "<Unknown>"
    assert isinstance(Unknown(b""), Event)
