import dataclasses

import pytest

from live.messages import AutomaticActivityDetection, RealtimeInputConfig
from live.setup import SessionConfig


def test_activity_is_automatic_unless_it_is_switched_off() -> None:
    manual = AutomaticActivityDetection(disabled=True)
    for realtime_input, expected in (
        (None, False),
        (RealtimeInputConfig(), False),
        (RealtimeInputConfig(AutomaticActivityDetection()), False),
        (RealtimeInputConfig(manual), True),
    ):
        config = SessionConfig(model="m", realtime_input=realtime_input)
        assert config.manual_activity is expected


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        SessionConfig(model="m").model = "n"  # type: ignore[misc]
