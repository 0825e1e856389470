"""What each role may do, in one table."""

import sys
from enum import StrEnum
from pathlib import Path

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
    MANAGE_OWNERS = "manage-owners"
    MANAGE_TENANT = "manage-tenant"
    LEAVE = "leave"
    READ_AUDIT = "read-audit"
    READ_USAGE = "read-usage"
    ENTER_ADMIN = "enter-admin"
    WRITE_API = "write-api"
    ANNOTATE = "annotate"
    EXPORT = "export"
    ERASE = "erase"
    MINT_TOKENS = "mint-tokens"
    MANAGE_WEBHOOKS = "manage-webhooks"
    MANAGE_RETENTION = "manage-retention"
    READ_REQUESTS = "read-requests"


# What each permission is for, as `docs/reference/roles.md` says it.
MEANINGS: dict[Permission, str] = {
    Permission.TALK: "Talk to agents, and read one's own conversations.",
    Permission.REVIEW_CONVERSATIONS: "Read every conversation of the organisation; it is noted.",
    Permission.READ_API: "Read over the API; see the agents in the admin.",
    Permission.MANAGE_AGENTS: "Add, change and delete agents.",
    Permission.MANAGE_CREDENTIALS: "Add, verify, replace and revoke Gemini credentials.",
    Permission.MANAGE_API_KEYS: "Make and revoke API keys, which may never do more than oneself.",
    Permission.MANAGE_MEMBERS: "Invite people, change their roles, let them go.",
    Permission.MANAGE_OWNERS: "Make owners and change them.",
    Permission.MANAGE_TENANT: "Change what the organisation is called and asks of its people.",
    Permission.LEAVE: "Take everything along, and have the organisation deleted.",
    Permission.READ_AUDIT: "Read and export the audit.",
    Permission.READ_USAGE: "See and export what was used and what it cost.",
    Permission.ENTER_ADMIN: "Enter the admin.",
    Permission.WRITE_API: "Create over the API, change, send to conversations and end them.",
    Permission.ANNOTATE: "Write notes on conversations, and tag them.",
    Permission.EXPORT: "Export conversations, at once or by a schedule.",
    Permission.ERASE: "Delete conversations with all that was kept of them, for good.",
    Permission.MINT_TOKENS: "Make and revoke tokens for one's own users.",
    Permission.MANAGE_WEBHOOKS: "Say where the organisation's events are sent to.",
    Permission.MANAGE_RETENTION: "Say how long things are kept, hold them, erase a person.",
    Permission.READ_REQUESTS: "See which requests to the API were made, and how they went.",
}

_P = Permission

_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OWNER: frozenset(_P),
    Role.ADMIN: frozenset(_P) - {_P.MANAGE_OWNERS, _P.LEAVE},
    Role.DEVELOPER: frozenset(
        {
            *(_P.TALK, _P.READ_API, _P.WRITE_API, _P.READ_REQUESTS, _P.ENTER_ADMIN),
            *(_P.MANAGE_AGENTS, _P.MANAGE_API_KEYS, _P.MANAGE_WEBHOOKS, _P.MINT_TOKENS),
        }
    ),
    Role.REVIEWER: frozenset(
        {_P.TALK, _P.READ_API, _P.REVIEW_CONVERSATIONS, _P.ANNOTATE, _P.ENTER_ADMIN}
    ),
    Role.MEMBER: frozenset({_P.TALK}),
}

# What the scopes of an API key allow. The names are public: they stand in keys that
# integrators hold, so they are added to and never renamed.
KEY_SCOPES: dict[str, frozenset[Permission]] = {
    "read": frozenset({_P.READ_API, _P.REVIEW_CONVERSATIONS, _P.READ_USAGE, _P.READ_REQUESTS}),
    "talk": frozenset({_P.TALK}),
    "write": frozenset({_P.WRITE_API, _P.TALK, _P.MANAGE_AGENTS, _P.ANNOTATE, _P.EXPORT, _P.ERASE}),
    "tokens": frozenset({_P.MINT_TOKENS}),
    "admin": frozenset({_P.MANAGE_MEMBERS, _P.MANAGE_WEBHOOKS, _P.MANAGE_RETENTION, _P.READ_AUDIT}),
}

# What each scope is for, in as few words as a narrow screen takes, where one is chosen.
SCOPE_MEANINGS: dict[str, str] = {
    "read": "conversations, agents, usage",
    "talk": "to agents",
    "write": "create, change, send, erase",
    "tokens": "for your own users",
    "admin": "members, webhooks, retention",
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


_HEAD = """\
# Who may do what

Drawn from the table in `accounts/roles.py`, by which the admin, the pages, the API and the sockets
decide; do not edit. To draw it anew:

```
.venv/bin/python -m accounts.roles docs/reference/roles.md
```

A person has one role in each organisation she belongs to; an API key has scopes instead. The
operator of the platform is none of these: she works in the admin, on every organisation's rows,
and talks to no agent unless an organisation makes her a member.
"""


def page() -> str:
    """The table as people read it: `docs/reference/roles.md`."""
    roles, scopes = list(Role), list(KEY_SCOPES)
    names = [*(role.label for role in roles), *(f"key: `{scope}`" for scope in scopes)]
    lines = [_line("May", *names), _line("---", *(":-:" for _ in names))]
    for permission in Permission:
        marks = [allows(role, permission) for role in roles]
        marks += [scope_allows(scope, permission) for scope in scopes]
        shown = ("yes" if mark else "" for mark in marks)
        lines.append(_line(f"**{permission}**: {MEANINGS[permission]}", *shown))
    return "\n".join([_HEAD, *lines, ""])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
