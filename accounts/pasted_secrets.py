"""What somebody pasted or dropped as a credential, read line by line and explained.

Nothing here is stored and nothing quotes a secret: what a line shows may stand on a page.
Whether the other end takes the secret is found out later, by `accounts.verification`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Credential
from live import LiveError
from live.keyfile import load_key
from live.token_endpoint import GOOGLE_TOKEN_URI

MOST_CHARS = 64 * 1024
_SHORTEST_KEY = 16
_GOOGLE_KEY = "AIza"
SIGN_IN = "Run `gcloud auth application-default login` again and paste the file that it names."
DOWNLOAD = "Download the JSON key again from IAM, Service accounts, Keys."


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was found: `mark` is `ok`, `note` or `bad`; `value` may be shown."""

    name: str
    mark: str
    value: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What it is and what it says. `kind` is None for what no credential can be made of."""

    kind: Credential.Kind | None
    lines: tuple[Line, ...]
    project: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def faults(self) -> list[str]:
        """What is wrong, in sentences that say what to do; empty for what may be tried."""
        return [f"{line.value} {line.text}".strip() for line in self.lines if line.mark == "bad"]

    @property
    def is_usable(self) -> bool:
        return self.kind is not None and not self.faults


Allowed = Callable[[str], bool]


def read_pasted(text: str, *, project: str = "", may_ask: Allowed) -> Reading:
    """Explain what was pasted.

    Args:
        project: the Google Cloud project it is meant for, if somebody said so.
        may_ask: whether this server may send requests to an address that the file names.
    """
    text = text.strip().removeprefix("\ufeff")
    if not text:
        return _refused("Nothing was entered.", "Drop the key file here, or paste it.")
    if len(text) > MOST_CHARS:
        return _refused("This is too long for a key.", DOWNLOAD)
    if text.startswith("-----BEGIN"):
        return _refused("This is only the private key.", f"The whole file is needed. {DOWNLOAD}")
    if text[0] not in "{[" and len(text.split()) == 1:
        return _read_api_key(text)
    return _read_json(text, project, may_ask)


def _refused(what: str, fix: str) -> Reading:
    return Reading(None, (Line("file", "bad", what, fix),))


def _read_api_key(text: str) -> Reading:
    if len(text) < _SHORTEST_KEY or not (text.isascii() and text.isprintable()):
        return _refused(
            "This is no API key: a key is one word of at least 16 characters.",
            "Copy it again from Google AI Studio, or drop a service account's JSON key file.",
        )
    kind = Line("kind", "ok", "API key", "For the Gemini Developer API.")
    shown = Line("key", "ok", f"ends in {text[-4:]}")
    if not text.startswith(_GOOGLE_KEY):
        note = f"Google's keys begin with {_GOOGLE_KEY}; this one does not."
        shown = Line("key", "note", f"ends in {text[-4:]}", note)
    return Reading(Credential.Kind.API_KEY, (kind, shown))


def _read_json(text: str, project: str, may_ask: Allowed) -> Reading:
    try:
        info = json.loads(text)
    except RecursionError:
        return _refused("This is no key file: it is nested too deeply.", DOWNLOAD)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        return _refused(f"This is no JSON: it breaks off in line {line}.", _whole_file(text))
    if not isinstance(info, dict):
        return _refused("This is JSON, but no key file.", DOWNLOAD)
    match info.get("type"):
        case "service_account":
            return _read_service_account(info, project, may_ask)
        case "authorized_user":
            return _read_authorized_user(info, may_ask)
    return _refused(*_other_file(info))


def _whole_file(text: str) -> str:
    if text.lstrip().startswith("{"):
        return f"Paste the whole file, from the first brace to the last. {DOWNLOAD}"
    return f"A key file is JSON and begins with a brace. {DOWNLOAD}"


def _other_file(info: Mapping[str, Any]) -> tuple[str, str]:
    if "installed" in info or "web" in info:
        return "This is an OAuth client's file: people sign in with it, servers cannot.", DOWNLOAD
    named = info.get("type")
    if isinstance(named, str) and named in _OTHER_TYPES:
        return _OTHER_TYPES[named], DOWNLOAD
    if named is None:
        return "This is not a service-account key: the field type is missing.", DOWNLOAD
    return "This is not a service-account key: its type is another one.", DOWNLOAD


_OTHER_TYPES: Mapping[Any, str] = {
    "external_account": "This file names an identity provider and holds no key.",
    "impersonated_service_account": "This file stands for a person who acts as an account.",
}


def _read_service_account(info: Mapping[str, Any], project: str, may_ask: Allowed) -> Reading:
    lines = [Line("type", "ok", "service account"), *(_text_line(info, each) for each in _SHOWN)]
    lines.append(_key_line(info))
    lines.append(_token_line(info, may_ask))
    own = info.get("project_id")
    if isinstance(own, str) and project and project != own:
        lines.append(_project_note(own, project))
    return Reading(
        Credential.Kind.SERVICE_ACCOUNT,
        tuple(lines),
        own if isinstance(own, str) else "",
        {"token_uri": str(info.get("token_uri", ""))},
    )


_SHOWN = ("project_id", "client_email", "private_key_id")


def _text_line(info: Mapping[str, Any], name: str, fix: str = DOWNLOAD) -> Line:
    value = info.get(name)
    if isinstance(value, str) and value.strip():
        return Line(name, "ok", value[:200])
    return _missing(name, fix)


def _missing(name: str, fix: str = DOWNLOAD) -> Line:
    return Line(name, "bad", f"The field {name} is missing.", fix)


def _key_line(info: Mapping[str, Any]) -> Line:
    value = info.get("private_key")
    if not isinstance(value, str) or not value.strip():
        return _missing("private_key")
    try:
        key = load_key(value, check=True)
    except LiveError as error:
        return Line("private_key", "bad", error.diagnosis.summary, DOWNLOAD)
    return Line("private_key", "ok", f"RSA, {key.key_size} bits", "Never shown again.")


def _read_authorized_user(info: Mapping[str, Any], may_ask: Allowed) -> Reading:
    """A person's own sign-in, as `gcloud auth application-default login` leaves it."""
    own = info.get("quota_project_id")
    lines = [
        Line("type", "note", "authorized user", _PERSON),
        _text_line(info, "client_id", SIGN_IN),
        *(_hidden_line(info, name) for name in ("client_secret", "refresh_token")),
    ]
    token_uri = info.get("token_uri", GOOGLE_TOKEN_URI)
    lines.append(_token_line({"token_uri": token_uri}, may_ask))
    if isinstance(own, str) and own.strip():
        lines.append(Line("quota_project_id", "ok", own[:200]))
    return Reading(
        Credential.Kind.AUTHORIZED_USER,
        tuple(lines),
        own if isinstance(own, str) else "",
        {"token_uri": str(token_uri)},
    )


_PERSON = (
    "It acts as the person who signed in, and ends with her access. Better: a service account."
)


def _hidden_line(info: Mapping[str, Any], name: str) -> Line:
    value = info.get(name)
    if isinstance(value, str) and value.strip():
        return Line(name, "ok", "present", "Never shown again.")
    return _missing(name, SIGN_IN)


def _token_line(info: Mapping[str, Any], may_ask: Allowed) -> Line:
    value = info.get("token_uri")
    if not isinstance(value, str) or not value.strip():
        return _missing("token_uri")
    if may_ask(value):
        return Line("token_uri", "ok", value[:200])
    fix = "Google's files name https://oauth2.googleapis.com/token. Ask the operator for others."
    return Line("token_uri", "bad", "The field token_uri names a place we do not ask.", fix)


def _project_note(own: str, wanted: str) -> Line:
    return Line(
        "project",
        "note",
        f"The key is of project {own[:100]}, and {wanted[:100]} was entered.",
        "That works only if the account was given a role in the project entered. Leave the "
        "project empty to use the key's own.",
    )
