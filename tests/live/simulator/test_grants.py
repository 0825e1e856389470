from live.simulator.grants import CLOUD_SCOPES, Grant, GrantRefused


def test_no_secret_and_no_description_is_in_a_text() -> None:
    assert "1//secret" not in repr(Grant("a@example.com", CLOUD_SCOPES, "1//secret"))
    assert str(GrantRefused("invalid_grant", "Bad Request")) == "invalid_grant"


def test_the_scopes_of_both_services_can_be_asked_for() -> None:
    names = {scope.rpartition("/")[2] for scope in CLOUD_SCOPES}
    assert {"cloud-platform", "generative-language", "generative-language.retriever"} <= names
