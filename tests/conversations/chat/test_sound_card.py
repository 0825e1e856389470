import importlib.util

import pytest

from conversations.chat import sound_card
from conversations.chat.sound_card import Loudspeaker
from conversations.chat.talk import ChatError
from live import Audio


@pytest.mark.skipif(importlib.util.find_spec("sounddevice") is not None, reason="it is installed")
def test_without_the_package_it_says_how_to_install_it() -> None:
    with pytest.raises(ChatError, match="pip install sounddevice"):
        sound_card.load()


def test_sound_is_played_in_order_and_then_silence() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.play(Audio(b"abc", 24_000))
    loudspeaker.play(Audio(b"def", 24_000))
    assert loudspeaker.fill(4) == b"abcd"
    assert loudspeaker.fill(4) == b"ef\0\0"
    assert loudspeaker.fill(2) == b"\0\0"


def test_an_interruption_drops_what_is_not_heard() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.play(Audio(b"abcdef", 24_000))
    loudspeaker.cut()
    assert loudspeaker.fill(2) == b"\0\0"


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_card, "MOST_BYTES", 4)
    loudspeaker = Loudspeaker()
    loudspeaker.play(Audio(b"abcdef", 24_000))
    loudspeaker.play(Audio(b"gh", 24_000))
    assert loudspeaker.fill(6) == b"abcd\0\0"
