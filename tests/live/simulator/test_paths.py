import pytest

from live.simulator.paths import (
    KeyPath,
    ModelPath,
    Service,
    is_auth_tokens,
    is_sign_in,
    key_path_of,
    model_path_of,
    plain_path,
    service_of,
)

DEVELOPER = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
VERTEX = "/ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
def test_developer_paths(version: str) -> None:
    path = DEVELOPER.format(version)
    assert service_of(path) == Service(version)
    assert service_of(path + "Constrained") == Service(version, constrained=True)
    assert service_of(f"/{path}?key=k") == Service(version)


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_vertex_paths(version: str) -> None:
    assert service_of(VERTEX.format(version)) == Service(version, vertex=True)
    assert service_of("/" + VERTEX.format(version)) == Service(version, vertex=True)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ws/",
        DEVELOPER.format("v2"),
        DEVELOPER.format("v1") + "/",
        DEVELOPER.format("v1").replace("GenerativeService.", "GenerativeService/"),
        VERTEX.format("v1beta"),
        VERTEX.format("v1").replace("LlmBidiService/", "LlmBidiService."),
    ],
)
def test_other_paths_are_none(path: str) -> None:
    assert service_of(path) is None


def test_plain_path_has_no_query_and_no_repeated_slash() -> None:
    assert plain_path("//token//x?grant=//y") == "/token/x"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/auth_tokens", True),
        ("//v1beta/auth_tokens?key=k", True),
        ("/v1alpha/auth_tokens", True),
        ("/v2/auth_tokens", False),
        ("/v1/auth_tokens/x", False),
    ],
)
def test_the_path_of_ephemeral_tokens(target: str, expected: bool) -> None:
    assert is_auth_tokens(target) is expected


KEYS = "/v1/projects/{}/serviceAccounts/{}/keys"
EMAIL = "a@p.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (KEYS.format("-", EMAIL) + "?keyTypes=USER_MANAGED", KeyPath("-", EMAIL)),
        (KEYS.format("p", EMAIL.replace("@", "%40")), KeyPath("p", EMAIL)),
        (KEYS.format("p", EMAIL) + "/0a", KeyPath("p", EMAIL, "0a")),
        (KEYS.format("p", EMAIL) + "/0a:disable", KeyPath("p", EMAIL, "0a", "disable")),
        (KEYS.format("p", EMAIL) + "/0a:enable", KeyPath("p", EMAIL, "0a", "enable")),
        (KEYS.format("p", EMAIL) + "/0a:destroy", None),
        (KEYS.format("p", EMAIL) + ":upload", KeyPath("p", EMAIL, "", "upload")),
        (KEYS.format("p", EMAIL) + "/0a:upload", None),
        (KEYS.format("p", EMAIL) + "/", None),
        (KEYS.format("p", "x/y"), None),
        ("/v1/projects/p/serviceAccounts", None),
    ],
)
def test_the_paths_of_keys(target: str, expected: KeyPath | None) -> None:
    assert key_path_of(target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v1/models", ModelPath("v1")),
        ("//v1beta/models?key=k", ModelPath("v1beta")),
        ("/v1alpha/models/gemini-3.8-live", ModelPath("v1alpha", "gemini-3.8-live")),
        ("/v2/models", None),
        ("/v1/models/", None),
        ("/v1/models/a/b", None),
        ("/v1/models/gemini%2Flive", None),
    ],
)
def test_the_paths_of_models(target: str, expected: ModelPath | None) -> None:
    assert model_path_of(target) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/o/oauth2/auth?client_id=x", True),
        ("/o/oauth2/v2/auth", True),
        ("/o/oauth2/v1/auth", False),
        ("/oauth2/auth", False),
    ],
)
def test_the_page_to_sign_in(target: str, expected: bool) -> None:
    assert is_sign_in(target) is expected
