"""What each role may do, in one table."""

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    """What a person is in one tenant."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    DEVELOPER = "developer", "Developer"
    REVIEWER = "reviewer", "Reviewer"
    MEMBER = "member", "Member"


class Permission(StrEnum):
    """One thing a caller may be allowed to do within its tenant."""

    TALK = "talk"
    REVIEW_CONVERSATIONS = "review-conversations"
    READ_API = "read-api"
    MANAGE_AGENTS = "manage-agents"
    MANAGE_CREDENTIALS = "manage-credentials"
    MANAGE_API_KEYS = "manage-api-keys"
    MANAGE_MEMBERS = "manage-members"
    MANAGE_TENANT = "manage-tenant"
    READ_AUDIT = "read-audit"
    ENTER_ADMIN = "enter-admin"


_P = Permission

_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(_P),
    Role.ADMIN: frozenset(_P),
    Role.DEVELOPER: frozenset(
        {_P.TALK, _P.READ_API, _P.MANAGE_AGENTS, _P.MANAGE_API_KEYS, _P.ENTER_ADMIN}
    ),
    Role.REVIEWER: frozenset({_P.TALK, _P.READ_API, _P.REVIEW_CONVERSATIONS, _P.ENTER_ADMIN}),
    Role.MEMBER: frozenset({_P.TALK}),
}

# What the scopes of an API key allow. The names are public: they stand in keys that
# integrators hold, so they are added to and never renamed.
KEY_SCOPES: dict[str, frozenset[Permission]] = {
    "read": frozenset({_P.READ_API, _P.REVIEW_CONVERSATIONS}),
    "talk": frozenset({_P.TALK}),
}


def allows(role: Role | str, permission: Permission) -> bool:
    """Whether `role` may do `permission`. A role that is not known may do nothing."""
    return role in Role.values and permission in _ALLOWED[Role(role)]


def roles_with(permission: Permission) -> list[Role]:
    """The roles that may do `permission`."""
    return [role for role in Role if permission in _ALLOWED[role]]


def scope_allows(scope: str, permission: Permission) -> bool:
    """Whether an API key's scope covers `permission`. An unknown scope covers nothing."""
    return permission in KEY_SCOPES.get(scope, frozenset())
