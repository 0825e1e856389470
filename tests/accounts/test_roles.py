from pathlib import Path

import pytest

from accounts.roles import (
    KEY_SCOPES,
    MEANINGS,
    SCOPE_MEANINGS,
    Permission,
    Role,
    allows,
    page,
    scope_allows,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "roles.md"

P = Permission
# The table once more, as people would say it: a change there has to be meant.
EXPECTED = {
    Role.OWNER: set(P),
    Role.ADMIN: set(P) - {P.MANAGE_OWNERS, P.LEAVE},
    Role.DEVELOPER: {
        *(P.TALK, P.READ_API, P.WRITE_API, P.READ_REQUESTS, P.ENTER_ADMIN),
        *(P.MANAGE_AGENTS, P.MANAGE_API_KEYS, P.MANAGE_WEBHOOKS, P.MINT_TOKENS),
    },
    Role.REVIEWER: {P.TALK, P.READ_API, P.REVIEW_CONVERSATIONS, P.ANNOTATE, P.ENTER_ADMIN},
    Role.MEMBER: {P.TALK},
}


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_table_says(role: Role) -> None:
    assert {permission for permission in P if allows(role, permission)} == EXPECTED[role]


@pytest.mark.parametrize("role", ["", "superhero", "OWNER"])
def test_an_unknown_role_may_nothing(role: str) -> None:
    assert not any(allows(role, permission) for permission in P)


def test_a_role_read_from_the_database_is_its_text() -> None:
    assert allows("reviewer", P.REVIEW_CONVERSATIONS)


def test_scopes_of_keys() -> None:
    assert set(KEY_SCOPES) == {"read", "talk", "write", "tokens", "admin"}
    assert scope_allows("read", P.READ_API)
    assert not scope_allows("read", P.TALK)
    assert scope_allows("talk", P.TALK)
    assert not scope_allows("talk", P.READ_API)
    assert not scope_allows("write", P.READ_API), "who only writes reads nothing back"
    assert scope_allows("tokens", P.MINT_TOKENS)
    # No key makes keys, credentials or owners, or takes the organisation along.
    kept = {P.MANAGE_API_KEYS, P.MANAGE_CREDENTIALS, P.MANAGE_OWNERS, P.LEAVE, P.ENTER_ADMIN}
    assert not any(scope_allows(scope, each) for scope in KEY_SCOPES for each in kept)
    assert not any(scope_allows("everything", permission) for permission in P)


def test_the_page_is_drawn_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "draw it anew: the page says how"


def test_every_permission_says_what_it_is_for() -> None:
    assert set(SCOPE_MEANINGS) == set(KEY_SCOPES)
    assert set(MEANINGS) == set(P)
    assert "| **manage-owners**: Make owners and change them. | yes |  |" in page()
