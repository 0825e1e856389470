"""`manage.py seed_demo`: the tenants, people, keys and past conversations of the demo."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accounts.api_keys import create_api_key, find_api_key
from accounts.credentials import InvalidSecret
from accounts.models import Tenant, User
from accounts.roles import KEY_SCOPES, Role
from accounts.tenancy import tenant_scope
from conversations.management.access import (
    Access,
    AgentAccess,
    KeyAccess,
    LogIn,
    MemberAccess,
    SimulatorAccess,
    TenantAccess,
    keys_of,
    passwords_of,
    read_access,
    readable_password,
    write_access,
)
from conversations.management.demo_credentials import (
    UnusableKeyFile,
    offered_credentials,
    use_offered,
    use_simulator,
)
from conversations.management.seeding import (
    TenantData,
    demo_data,
    seed_agents,
    seed_conversations,
    seed_member,
    seed_tenant,
)
from live import LiveError

OPERATOR = "operator@parley.example"
# The tenant that real credentials of the environment are imported into.
REAL_TENANT = "acme"


class Command(BaseCommand):
    help = (
        "Seed the demo: two tenants with people, agents, API keys and past conversations. "
        "Running it again only adds what is missing. Writes .demo/access.json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base-url", default=settings.PUBLIC_URL)
        parser.add_argument("--tls-url", default="")
        parser.add_argument("--ca-file", default="")
        parser.add_argument("--simulator-url", required=True)
        parser.add_argument("--simulator-tls-url", default="")
        parser.add_argument("--simulator-key", required=True)
        parser.add_argument("--simulator-key-file", default="")
        parser.add_argument(
            "--access-file", type=Path, default=settings.DEMO_DIR / "access.json", metavar="PATH"
        )
        parser.add_argument(
            "--real",
            action="store_true",
            default=os.environ.get("REAL") == "1",
            help="Use the real credentials of the environment. GEMINI_API_KEY does so by itself.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["access_file"]
        before = read_access(path)
        with transaction.atomic():
            access = self.seed(before, options)
        write_access(path, access)

    def seed(self, before: Access | None, options: Mapping[str, Any]) -> Access:
        passwords = passwords_of(before)
        simulator = SimulatorAccess(
            url=options["simulator_url"],
            tls_url=options["simulator_tls_url"],
            api_key=options["simulator_key"],
            key_file=options["simulator_key_file"],
        )
        operator = self.log_in(OPERATOR, passwords, name="Platform operator", is_superuser=True)
        access = Access(
            base_url=options["base_url"],
            tls_url=options["tls_url"],
            ca_file=options["ca_file"],
            simulator=simulator,
            operator=LogIn(operator.email, passwords[operator.email]),
            tenants=[],
        )
        for data in demo_data().tenants:
            tenant = seed_tenant(data)
            with tenant_scope(tenant.id):
                access.tenants.append(
                    self.fill(tenant, data, passwords, keys_of(before, data.slug))
                )
                use_simulator(tenant, simulator.url, simulator.api_key)
                if data.slug == REAL_TENANT:
                    self.import_real(tenant, wanted=options["real"])
        return access

    def fill(
        self,
        tenant: Tenant,
        data: TenantData,
        passwords: dict[str, str],
        known_keys: list[KeyAccess],
    ) -> TenantAccess:
        people: dict[str, User] = {}
        for role in Role:
            email = f"{role}@{data.slug}.example"
            people[role] = self.log_in(email, passwords, name=data.people[role])
            seed_member(tenant, people[role], role)
        agents = seed_agents(tenant, data.agents)
        added = seed_conversations(tenant, data.conversations, people, timezone.now())
        self.stdout.write(f"{tenant.name}: {added} past conversations added")
        return TenantAccess(
            slug=tenant.slug,
            name=tenant.name,
            agents=[AgentAccess(str(agent.id), agent.name) for agent in agents],
            users=[
                MemberAccess(user.email, passwords[user.email], role)
                for role, user in people.items()
            ],
            api_keys=[self.key_of(tenant, known_keys, people[Role.OWNER])],
        )

    def log_in(self, email: str, passwords: dict[str, str], **fields: Any) -> User:
        """Return the user; `passwords` holds the password afterwards.

        A user whose password nobody knows any more (the access file is gone) gets a new one.
        """
        user = User.objects.filter(email=email).first()
        if user is None:
            user = User(email=email, is_staff=fields.get("is_superuser", False), **fields)
        elif email in passwords:
            return user
        user.set_password(passwords.setdefault(email, readable_password()))
        user.save()
        return user

    def key_of(self, tenant: Tenant, known: list[KeyAccess], owner: User) -> KeyAccess:
        for access in known:
            row = find_api_key(access.key)
            if row is not None and row.tenant_id == tenant.id:
                return access
        scopes = sorted(KEY_SCOPES)
        _, key = create_api_key(tenant, "Demo", scopes, created_by=owner)
        return KeyAccess(key, scopes)

    def import_real(self, tenant: Tenant, *, wanted: bool) -> None:
        """Make a real credential of the environment the tenant's primary one, and say so."""
        try:
            offered = offered_credentials(wanted=wanted)
            chosen = use_offered(tenant, offered) if offered else None
        except (UnusableKeyFile, InvalidSecret, LiveError) as error:
            raise CommandError(str(error)) from None
        if wanted and not offered:
            raise CommandError(
                "No real credentials: set GEMINI_API_KEY, or GOOGLE_APPLICATION_CREDENTIALS "
                "to the file of a service-account key."
            )
        for credential in offered:
            self.stdout.write(f"{tenant.name}: imported {credential.source} from the environment")
        if chosen:
            self.stdout.write(
                f"{tenant.name} talks to the real Gemini API, with the credential "
                f"“{chosen.name}”. This costs money."
            )
