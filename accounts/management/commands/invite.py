"""`manage.py invite`: the link by which a person joins a tenant, such as its first owner."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts.audit import SYSTEM
from accounts.invitations import AlreadyMember, invite, send
from accounts.models import Tenant
from accounts.roles import Role
from accounts.tenancy import tenant_scope


class Command(BaseCommand):
    help = "Invite a person to a tenant. Prints the link, or mails it where EMAIL_URL is set."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--tenant", required=True, metavar="SLUG")
        parser.add_argument("--role", default=Role.MEMBER, choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}. Make it in the admin.")
        try:
            validate_email(options["email"])
            invitation, link = invite(tenant, options["email"], Role(options["role"]), actor=SYSTEM)
        except ValidationError:
            raise CommandError("This is no e-mail address.") from None
        except AlreadyMember:
            raise CommandError("This person is a member already.") from None
        with tenant_scope(tenant.pk):
            sent = send(invitation, link, "The operator of this service")
        self.stdout.write(f"An invitation was sent to {invitation.email}." if sent else link)
