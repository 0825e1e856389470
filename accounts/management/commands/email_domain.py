"""`manage.py email_domain`: for whose people an organisation's single sign-on is believed."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import SYSTEM
from accounts.models import EmailDomain, Tenant
from accounts.single_sign_on import domains
from accounts.tenancy import platform_scope


class Command(BaseCommand):
    help = "Approve an e-mail domain for one tenant's single sign-on, withdraw it, or list them."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        approve = acts.add_parser("approve", help="once you have seen that the domain is theirs")
        approve.add_argument("domain")
        approve.add_argument("--tenant", required=True, metavar="SLUG")
        acts.add_parser("withdraw").add_argument("domain")
        acts.add_parser("list")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        try:
            getattr(self, f"_{act}")(options)
        except domains.NoDomain as error:
            raise CommandError(f"{str(error)!r} is no domain; one is example.com.") from None

    def _approve(self, options: dict[str, Any]) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}. Make it in the admin.")
        try:
            is_new = domains.approve(tenant, options["domain"], actor=SYSTEM)
        except domains.DomainTaken:
            raise CommandError(
                "Another tenant has this domain. `email_domain list` shows which."
            ) from None
        self.stdout.write("approved" if is_new else "was approved already")

    def _withdraw(self, options: dict[str, Any]) -> None:
        if not domains.withdraw(options["domain"], actor=SYSTEM):
            raise CommandError("No tenant has this domain.")
        self.stdout.write("withdrawn: nobody signs in with it any more; open sessions stay")

    def _list(self, options: dict[str, Any]) -> None:
        with platform_scope("list e-mail domains"):
            for row in EmailDomain.objects.select_related("tenant").order_by("name"):
                self.stdout.write(f"{row.name}  {row.tenant.slug}")
