import pytest
from google.auth.exceptions import RefreshError

from live.refusals import USER_REFUSALS, grant_error


def refresh_error(answer: object, **options: bool) -> RefreshError:
    return RefreshError("said", answer, **options)  # type: ignore[no-untyped-call]


REFUSALS = [
    (
        "invalid_grant",
        "Token must be in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        "clock_skew",
    ),
    ("invalid_grant", "Invalid JWT Signature.", "key_revoked"),
    ("invalid_grant", "Invalid grant: account not found", "account_unknown"),
    ("invalid_scope", "Invalid OAuth scope or ID token audience provided.", "scope_refused"),
    ("unauthorized_client", "Client is unauthorized", "scope_refused"),
    ("invalid_grant", "An appropriate thing is missing", "grant_refused"),
    ("invalid_grant", None, "grant_refused"),
]


@pytest.mark.parametrize(("name", "description", "code"), REFUSALS)
def test_each_refusal_has_its_meaning(name: str, description: str | None, code: str) -> None:
    answer = {"error": name, "error_description": description}
    error = grant_error(refresh_error(answer))
    assert error.code == code
    assert error.reason == name
    assert error.fix in str(error)


@pytest.mark.parametrize("answer", [None, "text", {"token": "ya29.x"}, {"error": {"code": 1}}, []])
def test_an_answer_that_says_nothing(answer: object) -> None:
    error = grant_error(refresh_error(answer))
    assert error.code == "token_answer_malformed"


USER = [
    ("invalid_grant", {"error_description": "Token has been expired or revoked."}, "sign_in_again"),
    ("invalid_grant", {}, "sign_in_again"),
    ("invalid_grant", {"error_subtype": "invalid_rapt"}, "sign_in_again"),
    ("invalid_client", {"error_description": "The OAuth client was not found."}, "client_refused"),
    ("deleted_client", {}, "client_refused"),
    ("redirect_uri_mismatch", {}, "client_refused"),
    ("invalid_scope", {}, "scope_refused"),
    ("org_internal", {"error_description": 7}, "grant_refused"),
]


@pytest.mark.parametrize(("name", "more", "code"), USER)
def test_each_refusal_of_a_user_has_its_meaning(
    name: str, more: dict[str, object], code: str
) -> None:
    error = USER_REFUSALS.error({"error": name, **more})
    assert error.code == code
    assert error.reason == name
    assert error.permanent


def test_a_reauthentication_is_told_from_a_revoked_sign_in() -> None:
    asked = USER_REFUSALS.error({"error": "invalid_grant", "error_subtype": "rapt_required"})
    assert "organisation" in str(asked)


def test_a_fault_that_passes_is_not_permanent() -> None:
    assert not grant_error(refresh_error({"error": "x"}, retryable=True)).permanent
