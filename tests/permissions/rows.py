"""A row of the table: what one address answers to each visitor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from django.db.models import Model

from tests.permissions.visitors import PEOPLE, STAFF

Method = Literal["get", "post"]
Whose = Literal["own", "other"]

# Who may, by role. Written out here and not taken from `accounts.roles`, which is tested by it.
EVERYBODY = frozenset(PEOPLE)
MEMBERS = frozenset(STAFF)
OWNERS = frozenset({"owner"})
MANAGERS = frozenset({"owner", "admin"})
DEVELOPERS = MANAGERS | {"developer"}
REVIEWERS = MANAGERS | {"reviewer"}
# Whoever may enter the admin, and the platform's operator alone.
ADMINS = DEVELOPERS | REVIEWERS
NOBODY: frozenset[str] = frozenset()
# What belongs to a person is the member's: the others find nothing.
MINE = dict.fromkeys(EVERYBODY - {"member"}, 404)

LOG_IN = 302
OK = 200
GOES_ON = 302
REFUSED = 403
UNKNOWN = 404
NO_SUCH_METHOD = 405
WHO_ARE_YOU = 401


@dataclass(frozen=True, kw_only=True)
class Row:
    """`of` is the model whose row stands in the address, `arguments` what else does; `data` is
    posted. `besides` names visitors who get an answer of their own for what is their tenant's."""

    may: Collection[str]
    get: int = OK
    post: int = NO_SUCH_METHOD
    of: type[Model] | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    besides: Mapping[str, int] = field(default_factory=dict)

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        raise NotImplementedError

    def grants(self, visitor: str, method: Method, whose: Whose) -> bool:
        """Whether the visitor gets what she asks for, so that something may be written."""
        answer = self.get if method == "get" else self.post
        return self.status(visitor, method, whose) == answer < WHO_ARE_YOU


@dataclass(frozen=True, kw_only=True)
class Page(Row):
    """A page of the site, for people. Who has not logged in is sent to do so, and a key opens
    none. `passkey` is what the member gets, who has one, where that matters."""

    passkey: Mapping[str, int] = field(default_factory=dict)

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        answer = self.get if method == "get" else self.post
        if visitor not in PEOPLE:
            return LOG_IN
        if visitor == "member" and method in self.passkey:
            return self.passkey[method]
        if answer == NO_SUCH_METHOD:
            return answer
        if whose == "own" and visitor in self.besides:
            return self.besides[visitor]
        if visitor not in self.may:
            return self.besides.get(visitor, REFUSED)
        return answer if whose == "own" else UNKNOWN

    def grants(self, visitor: str, method: Method, whose: Whose) -> bool:
        return visitor in PEOPLE and Row.grants(self, visitor, method, whose)


class Open(Row):
    """An address for everybody, logged in or not; `besides` may tell of "people"."""

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        answer = self.get if method == "get" else self.post
        if answer == NO_SUCH_METHOD:
            return answer
        known = "people" if visitor in PEOPLE else "anonymous"
        return self.besides.get(visitor, self.besides.get(known, answer))


@dataclass(frozen=True, kw_only=True)
class Api(Row):
    """An address of the API: for roles and for keys with a scope. `changing` tells who may POST,
    if that are others than who may GET."""

    changing: Collection[str] | None = None

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        if visitor in {"anonymous", "stranger", "operator", "key-revoked", "key-expired"}:
            return WHO_ARE_YOU
        may = self.may if method == "get" or self.changing is None else self.changing
        if visitor != "key-globex" and visitor not in may:
            return REFUSED
        answer = self.get if method == "get" else self.post
        is_theirs = self.of is None or (whose == "other") == (visitor == "key-globex")
        return answer if is_theirs or answer == NO_SUCH_METHOD else UNKNOWN


class Talk(Api):
    """An address of a running conversation: a person's is hers alone, a key's its tenant's."""

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        answer = Api.status(self, visitor, method, whose)
        is_another = visitor in PEOPLE and visitor != "member"
        given = self.get if method == "get" else self.post
        return UNKNOWN if is_another and answer == given != NO_SUCH_METHOD else answer


class Googles(Row):
    """One of Google's addresses: for keys alone, and a browser's cookie is nothing to it."""

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        if visitor in {"key-revoked", "key-expired"}:
            return WHO_ARE_YOU
        if visitor != "key-globex" and visitor not in self.may:
            return REFUSED
        return self.get if method == "get" else self.post


class OpenApi(Row):
    """An address of the API for everybody, except who shows a key that is not good."""

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        if visitor in {"key-revoked", "key-expired"}:
            return WHO_ARE_YOU
        return self.get if method == "get" else self.post


@dataclass(frozen=True, kw_only=True)
class Admin(Row):
    """A page of the admin. Of what a role may not see it tells nothing; what it may see, and
    only look at, is refused. The operator may see everything, unless `operator` says what
    she gets."""

    seen: Collection[str] = ADMINS
    operator: bool = True

    def status(self, visitor: str, method: Method, whose: Whose) -> int:
        answer = self.get if method == "get" else self.post
        if visitor not in ADMINS | {"operator"}:
            return LOG_IN
        if visitor != "operator":
            if visitor not in self.seen or (whose == "other" and self.of is not None):
                return UNKNOWN
            if visitor not in self.may:
                return self.besides.get(visitor, REFUSED)
        elif not self.operator:
            return REFUSED
        return self.besides.get(visitor, answer)

    def grants(self, visitor: str, method: Method, whose: Whose) -> bool:
        return visitor in ADMINS | {"operator"} and Row.grants(self, visitor, method, whose)
