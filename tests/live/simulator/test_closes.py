import pytest

from live.simulator import closes
from live.simulator.closes import MAX_REASON_BYTES, Refusal

UNKNOWN_NAME = (
    'Invalid JSON payload received. Unknown name "transparent" at '
    "'setup.session_resumption': Cannot find field."
)


@pytest.mark.parametrize(
    ("refusal", "code", "reason"),
    [
        (closes.invalid_argument(), 1007, "Request contains an invalid argument."),
        (closes.key_not_valid(), 1007, "API key not valid. Please pass a valid API key."),
        (
            closes.unknown_name("transparent", "setup.session_resumption"),
            1007,
            UNKNOWN_NAME,
        ),
        (closes.session_not_found(), 1008, "BidiGenerateContent session not found"),
        (closes.internal_error(), 1011, "Internal error encountered."),
        (closes.token_used_up(), 1011, "Token has been used too many times"),
    ],
)
def test_codes_and_texts_are_googles(refusal: Refusal, code: int, reason: str) -> None:
    assert (refusal.code, refusal.reason) == (code, reason)


def test_long_reasons_are_cut_as_a_close_frame_demands() -> None:
    for refusal in (closes.unregistered_caller(), closes.overstayed(), Refusal(1008, "é" * 99)):
        assert MAX_REASON_BYTES - 1 <= len(refusal.reason.encode()) <= MAX_REASON_BYTES
    assert closes.unregistered_caller().reason.endswith("or other form of API c")
    assert closes.invalid_credentials().reason.endswith("or other valid authentication c")


def test_the_exception_itself_carries_no_text() -> None:
    assert str(Refusal(1007, "what the client said")) == "1007"
