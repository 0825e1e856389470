"""Who asks: a person with a role, a program with a key, or nobody anyone knows."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from accounts.api_keys import create_api_key, revoke_api_key
from accounts.models import User
from accounts.roles import KEY_SCOPES
from tests.cast import Cast
from tests.conversations.talks import HANDLER, signed_in, with_key

STAFF = ("owner", "admin", "developer", "reviewer", "member")
PEOPLE = (*STAFF, "stranger", "operator")
# A key's name says what is wrong with it, or else its scopes.
SCOPED = ("key-read", "key-talk", "key-write", "key-tokens", "key-admin")
KEYS = (*SCOPED, "key-globex", "key-revoked", "key-expired")
VISITORS = ("anonymous", *PEOPLE, *KEYS)


def person(cast: Cast, name: str) -> User:
    found: User = getattr(cast.acme if name in STAFF else cast, name)
    return found


def key(cast: Cast, name: str) -> str:
    """The text of a key. Only one of globex is not of acme."""
    kind = name.removeprefix("key-")
    if kind == "globex":
        return cast.globex.api_key
    scopes = [kind] if kind in KEY_SCOPES else list(KEY_SCOPES)
    expires = timezone.now() - timedelta(days=1) if kind == "expired" else None
    row, text = create_api_key(cast.acme.tenant, name, scopes, expires_at=expires)
    if kind == "revoked":
        revoke_api_key(row, "system")
    return text


def visit(cast: Cast, name: str) -> Client:
    """A client of this visitor. People have logged in just now, so nobody is asked again."""
    if name == "anonymous":
        client = Client()
        client.handler = HANDLER
        return client
    if name in KEYS:
        return with_key(key(cast, name))
    return signed_in(person(cast, name))
