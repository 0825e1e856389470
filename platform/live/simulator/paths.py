"""The paths of the Live API, and of what stands beside it: models, sign-in, tokens, keys."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

_SLASHES = re.compile(r"/{2,}")
_DEVELOPER = re.compile(
    r"/ws/google\.ai\.generativelanguage\.(v1|v1beta|v1alpha)"
    r"\.GenerativeService\.BidiGenerateContent(Constrained)?"
)
_VERTEX = re.compile(
    r"/ws/google\.cloud\.aiplatform\.(v1|v1beta1)\.LlmBidiService/BidiGenerateContent"
)
_AUTH_TOKENS = re.compile(r"/(v1|v1beta|v1alpha)/auth_tokens")
_MODELS = re.compile(r"/(v1|v1beta|v1alpha)/models(?:/([^/]+))?")
_SIGN_IN = re.compile(r"/o/oauth2(?:/v2)?/auth")
_KEYS = re.compile(
    r"/v1/projects/([^/]+)/serviceAccounts/([^/]+)/keys(?:/([^/:]+)(?::(disable|enable))?)?"
)
_UPLOAD = re.compile(r"/v1/projects/([^/]+)/serviceAccounts/([^/]+)/keys:(upload)")


@dataclass(frozen=True)
class Service:
    """Which API a socket speaks. `constrained` is the method for ephemeral tokens."""

    version: str
    vertex: bool = False
    constrained: bool = False


def plain_path(target: str) -> str:
    """Return the path of a request target: no query, repeated slashes collapsed."""
    return _SLASHES.sub("/", target.partition("?")[0])


def service_of(target: str) -> Service | None:
    """Return the service behind a request target, or None for a path that is none."""
    path = plain_path(target)
    if match := _DEVELOPER.fullmatch(path):
        return Service(match[1], constrained=match[2] is not None)
    if match := _VERTEX.fullmatch(path):
        return Service(match[1], vertex=True)
    return None


def is_auth_tokens(target: str) -> bool:
    """Return whether a request target is the collection of ephemeral tokens."""
    return _AUTH_TOKENS.fullmatch(plain_path(target)) is not None


def is_sign_in(target: str) -> bool:
    """Return whether a request target is the page on which a user signs in."""
    return _SIGN_IN.fullmatch(plain_path(target)) is not None


@dataclass(frozen=True)
class ModelPath:
    """The list of models, or one of them by its `name` without `models/`; "" for the list."""

    version: str
    name: str = ""


def model_path_of(target: str) -> ModelPath | None:
    """Return the models behind a request target, or None for a path that is no such thing."""
    match = _MODELS.fullmatch(unquote(plain_path(target)))
    return ModelPath(match[1], match[2] or "") if match else None


@dataclass(frozen=True)
class KeyPath:
    """The keys of a service account, or one key and what to do with it.

    `project` is "-" where the account's own is meant; `key_id` and `verb` may be "".
    """

    project: str
    email: str
    key_id: str = ""
    verb: str = ""


def key_path_of(target: str) -> KeyPath | None:
    """Return the keys behind a request target, or None for a path that is no such thing."""
    path = unquote(plain_path(target))
    if upload := _UPLOAD.fullmatch(path):
        return KeyPath(upload[1], upload[2], verb=upload[3])
    match = _KEYS.fullmatch(path)
    return KeyPath(*(part or "" for part in match.groups())) if match else None
