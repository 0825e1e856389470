import pytest

from live.endpoint import Endpoint
from live.errors import CallerError


def test_developer_api_has_a_dot_before_the_method() -> None:
    assert Endpoint.developer().url == (
        "wss://generativelanguage.googleapis.com/ws/"
        "google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
    )


def test_vertex_ai_has_a_slash_before_the_method() -> None:
    assert Endpoint.vertex("p1", "us-central1").url == (
        "wss://us-central1-aiplatform.googleapis.com/ws/"
        "google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent"
    )


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_every_kind_of_location_has_its_host(location: str, host: str) -> None:
    assert Endpoint.vertex("p1", location).url.startswith(f"wss://{host}/ws/")


def test_a_base_url_keeps_its_path_and_loses_its_slash() -> None:
    endpoint = Endpoint.developer("https://gateway.example/tenant/", version="v1")
    assert endpoint.url.startswith(
        "wss://gateway.example/tenant/ws/google.ai.generativelanguage.v1."
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_plain_http_is_for_loopback(host: str) -> None:
    endpoint = Endpoint.developer(f"http://{host}:8080")
    assert endpoint.url.startswith(f"ws://{host}:8080/ws/")
    assert not endpoint.is_secure


@pytest.mark.parametrize(
    "base_url",
    [
        "http://gateway.example",
        "http://localhost.example",
        "wss://gateway.example",
        "gateway.example",
        "https://",
        "https://user:secret@gateway.example",
        "https://gateway.example/?key=secret",
        "https://gateway.example/#secret",
        "https://gateway.example:secret/",
        "https://gateway.example:99999/",
        "https://[secret/",
    ],
)
def test_other_base_urls_are_refused_without_quoting_them(base_url: str) -> None:
    with pytest.raises(CallerError) as caught:
        Endpoint.developer(base_url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("location", ["", "evil.example/", "a b", "x@y", "-"])
def test_a_location_cannot_become_another_host(location: str) -> None:
    with pytest.raises(CallerError):
        Endpoint.vertex("p1", location)


def test_ephemeral_tokens_have_a_method_of_their_own() -> None:
    endpoint = Endpoint.developer("https://gateway.example/tenant").constrained()
    assert endpoint.url == (
        "wss://gateway.example/tenant/ws/"
        "google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
    )
    assert endpoint.model_name("x") == "models/x"
    assert ".v1beta." in endpoint.constrained("v1beta").url
    with pytest.raises(CallerError):
        endpoint.constrained("v1/../x")


def test_vertex_ai_has_no_method_for_ephemeral_tokens() -> None:
    with pytest.raises(CallerError) as caught:
        Endpoint.vertex("p1", "us-central1").constrained()
    assert caught.value.code == "ephemeral_on_vertex"


def test_model_names_of_the_developer_api() -> None:
    endpoint = Endpoint.developer()
    assert endpoint.model_name("gemini-3.8-live") == "models/gemini-3.8-live"
    assert endpoint.model_name("models/gemini-3.8-live") == "models/gemini-3.8-live"


def test_model_names_of_vertex_ai() -> None:
    endpoint = Endpoint.vertex("p1", "us-central1")
    full = "projects/p1/locations/us-central1/publishers/google/models/gemini-3.8-live"
    assert endpoint.model_name("gemini-3.8-live") == full
    assert endpoint.model_name("models/gemini-3.8-live") == full
    assert endpoint.model_name(full) == full
    assert endpoint.model_name("publishers/google/models/x") == "publishers/google/models/x"


@pytest.mark.parametrize("model", ["", " ", "a b", "é", "x\n"])
def test_what_is_no_name_is_refused(model: str) -> None:
    with pytest.raises(CallerError):
        Endpoint.developer().model_name(model)
