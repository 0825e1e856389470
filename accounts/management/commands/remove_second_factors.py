"""`manage.py remove_second_factors`: for a person who has lost device and recovery codes."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accounts.audit import SYSTEM, record
from accounts.models import User, UserManager
from accounts.sessions import end_sessions
from accounts.tenancy import platform_scope


class Command(BaseCommand):
    help = "Remove a person's second factors and end their sessions. Make sure who asks for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=UserManager.normalize_email(options["email"])).first()
        if user is None:
            raise CommandError("There is no account with this address.")
        with transaction.atomic(), platform_scope("audit of removed second factors"):
            found = Authenticator.objects.filter(user=user)
            kinds = sorted(found.values_list("type", flat=True))
            found.delete()
            end_sessions(user)
            record("user.second-factors-removed", user, actor=SYSTEM, before={"kinds": kinds})
        self.stdout.write(f"Removed: {', '.join(kinds) or 'nothing, there were none'}.")
