import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import errors
from live.errors import (
    CallerError,
    CredentialError,
    InvalidRequest,
    LiveError,
    ModelError,
    NetworkError,
    ProtocolMisuse,
    ProviderError,
    QuotaError,
    ResumptionError,
    error_from_close,
    error_from_handshake,
    scrub,
)

# The texts that public issue reports show, with whether another try makes sense.
CLOSES = [
    (1000, "", ProviderError, True),
    (1001, "", ProviderError, True),
    (1006, "", NetworkError, True),
    (1007, "API key not valid. Please pass a valid API key.", CredentialError, False),
    (1007, "API key expired. Please renew the API key.", CredentialError, False),
    (1007, "API Key not found. Please pass a valid API key.", CredentialError, False),
    (1007, "Request contains an invalid argument.", InvalidRequest, False),
    (1007, "setup must be the first message and only the first", ProtocolMisuse, False),
    (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup'", InvalidRequest, False),
    (1007, "Invalid session handle", ResumptionError, False),
    (
        1007,
        "The requested combination of response modalities (TEXT) is not supported by the model.",
        ModelError,
        False,
    ),
    (1007, "Cannot extract voices from a non-audio request", ModelError, False),
    (1007, "User location is not supported for the API use.", ModelError, False),
    (1008, "BidiGenerateContent session not found", ResumptionError, False),
    (
        1008,
        "models/X is not found for API version v1alpha, or is not supported for bidiGenerateConten",
        ModelError,
        False,
    ),
    (1008, "Publisher model X was not found", ModelError, False),
    (1008, "Requested entity was not found.", ModelError, False),
    (1008, "Operation is not implemented, or supported, or enabled.", ModelError, False),
    (
        1008,
        "Method doesn't allow unregistered callers (callers without established identity).",
        CredentialError,
        False,
    ),
    (
        1008,
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login coo",
        CredentialError,
        False,
    ),
    (
        1008,
        "Connection aborted because the client failed to close after receiving a GoAway signal",
        ProviderError,
        True,
    ),
    (1008, "The operation was aborted.", ProviderError, True),
    (1008, "something new", InvalidRequest, False),
    (1009, "", InvalidRequest, False),
    (1011, "Internal error encountered.", ProviderError, True),
    (1011, "Internal error occurred.", ProviderError, True),
    (1011, "The service is currently unavailable.", ProviderError, True),
    (1011, "Deadline expired before operation could complete.", ProviderError, True),
    (1011, "You exceeded your current quota, please check your plan", QuotaError, True),
    (1011, "Token has been used too many times", CredentialError, False),
    (4321, "", ProviderError, True),
]


@pytest.mark.parametrize(("code", "reason", "kind", "retry"), CLOSES)
def test_every_known_close_has_its_branch_and_a_fix(
    code: int, reason: str, kind: type[LiveError], retry: bool
) -> None:
    error = error_from_close(code, reason)
    assert type(error) is kind
    assert error.permanent is not retry
    assert (error.retry_after is not None) is retry
    assert error.status == code
    assert error.fix
    assert error.fix in str(error)
    assert str(code) in str(error)


HANDSHAKES = [
    (400, "", InvalidRequest, "handshake_refused"),
    (400, '{"reason":"API_KEY_INVALID"}', CredentialError, "api_key_invalid"),
    (401, "", CredentialError, "token_invalid"),
    (403, "", CredentialError, "permission_denied"),
    (403, '{"reason":"SERVICE_DISABLED"}', CredentialError, "api_disabled"),
    (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", CredentialError, "scope_insufficient"),
    (404, "", InvalidRequest, "endpoint_not_found"),
    (429, "", QuotaError, "rate_limited"),
    (302, "", InvalidRequest, "redirected"),
    (500, "", ProviderError, "unavailable"),
    (503, "", ProviderError, "unavailable"),
    (418, "", InvalidRequest, "handshake_refused"),
]


@pytest.mark.parametrize(("status", "body", "kind", "code"), HANDSHAKES)
def test_every_refused_handshake_has_its_branch_and_a_fix(
    status: int, body: str, kind: type[LiveError], code: str
) -> None:
    error = error_from_handshake(status, body=body)
    assert type(error) is kind
    assert error.code == code
    assert error.status == status
    assert error.fix in str(error)


def test_the_service_s_own_waiting_time_goes_first() -> None:
    assert error_from_handshake(429).retry_after == 60
    assert error_from_handshake(429, retry_after=7).retry_after == 7
    assert error_from_handshake(404, retry_after=7).retry_after is None


SECRETS = [
    "AIzaSyD-made_up-key",
    "ya29.a0Made-Up_token",
    "AQ.Ab8madeup",
    "auth_tokens/3f1c9a64",
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("around", ["key {} is bad", "?key={}&x=1", '"{}"', "Bearer {}", "{}"])
def test_no_secret_survives_in_an_error(secret: str, around: str) -> None:
    error = error_from_close(1008, around.format(secret))
    for text in (str(error), repr(error), error.reason, str(error.args)):
        assert secret not in text
        assert secret[-8:] not in text


def test_a_quoted_value_is_cut_and_the_name_of_a_field_is_kept() -> None:
    said = "Invalid value at 'realtime_input.text', \"my own words"
    assert "words" not in scrub(said)
    said = "Invalid JSON payload received. Unknown name \"transparent\" at 'setup': no field."
    assert scrub(said) == said


@given(st.text())
def test_a_reason_is_always_one_short_line(text: str) -> None:
    clean = scrub(text)
    assert len(clean) <= 123
    assert clean == "".join(clean.splitlines())
    assert clean.isprintable()


def test_errors_survive_pickling() -> None:
    error = error_from_close(1011, "You exceeded your current quota")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is QuotaError
    assert str(again) == str(error)


def test_the_tree_at_the_top_is_the_tree() -> None:
    assert errors.__doc__ is not None
    for name in errors.__all__:
        value = getattr(errors, name)
        if isinstance(value, type) and issubclass(value, LiveError):
            assert f" {name} " in errors.__doc__ or f" {name}\n" in errors.__doc__
    assert issubclass(ProtocolMisuse, CallerError)


def test_a_model_that_vertex_ai_does_not_have_there_is_told_so() -> None:
    name = "projects/p/locations/global/publishers/google/models/x"
    error = error_from_close(1008, f"Publisher model `{name}` was not found.")
    assert "location" in error.diagnosis.summary
