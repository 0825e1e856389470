"""Why somebody is let go is told for every reason there is."""

from conversations import protocol as p
from conversations.access import Loss
from conversations.dismissals import DISMISSALS, LOSSES
from conversations.protocol import Close

FINAL = range(4400, 4430)


def test_every_loss_and_dismissal_is_final_and_says_what_to_do() -> None:
    assert set(LOSSES) == set(Loss)
    assert set(DISMISSALS) == {p.STREAM_TAKEN, p.STREAM_CROWDED}
    for close, code, message, fix in [*LOSSES.values(), *DISMISSALS.values()]:
        assert close in FINAL
        assert close != Close.OUR_FAULT
        assert code == code.lower()
        assert message.endswith(".")
        assert fix.endswith(".")
