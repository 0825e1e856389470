from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.audit.chain import chain_scope
from accounts.audit.export import Format, Period, export
from accounts.audit.proof import Proof, prove_chain
from accounts.models import Tenant

# Sealing runs each minute; an entry that waits longer means that it does not run.
LATE = timedelta(minutes=10)


def moment(text: str) -> datetime:
    """A date or a time in ISO 8601; without a zone it is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("write 2026-01-31 or 2026-01-31T12:00:00+01:00") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class Command(BaseCommand):
    help = "Prove the audit's chain of hashes, or write its entries out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser(
            "verify", help="prove every chain; the exit status is 1 if one is broken"
        )
        verify.add_argument("--tenant", metavar="SLUG", help="only this tenant's chain")
        verify.add_argument(
            "--known",
            metavar="HASH",
            default="",
            help="the hash of a seal noted earlier, for instance in the log; needs --tenant",
        )
        out = actions.add_parser("export", help="write entries to standard output")
        whose = out.add_mutually_exclusive_group(required=True)
        whose.add_argument("--tenant", metavar="SLUG")
        whose.add_argument("--platform", action="store_true", help="what concerns no tenant")
        out.add_argument("--since", type=moment, metavar="TIME", help="from this time on")
        out.add_argument("--until", type=moment, metavar="TIME", help="before this time")
        out.add_argument("--format", choices=[*Format], default=Format.JSONL, type=Format)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "verify":
            self._verify(options["tenant"], options["known"])
        else:
            self._export(options)

    def _verify(self, slug: str | None, known: str) -> None:
        if known and not slug:
            raise CommandError("Name the chain that --known belongs to with --tenant.")
        tenants = [self._tenant(slug)] if slug else [*Tenant.objects.order_by("slug"), None]
        proofs = [self._prove(tenant, known) for tenant in tenants]
        broken = sum(proof.fault is not None for proof in proofs)
        if broken:
            raise CommandError(
                f"{broken} of {len(proofs)} chains broken. Keep the database as it is, and "
                "compare it with a backup of the time before."
            )

    def _prove(self, tenant: Tenant | None, known: str) -> Proof:
        proof = prove_chain(tenant.pk if tenant else None, known=known)
        name = tenant.slug if tenant else "the platform"
        if proof.fault:
            self.stdout.write(f"{name}: BROKEN at {proof.fault}")
            return proof
        self.stdout.write(
            f"{name}: sound. Entries: {proof.entries}, seals: {proof.seals}, "
            f"not sealed yet: {proof.waiting}."
        )
        if proof.head:
            self.stdout.write(f"  last seal: {proof.head.number} {proof.head.hash}")
        if proof.waiting_since and timezone.now() - proof.waiting_since > LATE:
            self.stdout.write(
                f"  Entries wait since {proof.waiting_since:%Y-%m-%d %H:%M} UTC: "
                "do Celery's worker and beat run?"
            )
        return proof

    def _export(self, options: dict[str, Any]) -> None:
        tenant = None if options["platform"] else self._tenant(options["tenant"])
        tenant_id = tenant.pk if tenant else None
        period = Period(options["since"], options["until"])
        with chain_scope(tenant_id):
            record(
                "audit.exported",
                tenant,
                actor=SYSTEM,
                after={
                    "since": period.since and period.since.isoformat(),
                    "until": period.until and period.until.isoformat(),
                    "format": options["format"],
                },
                reason="manage.py audit export",
            )
        count = export(tenant_id, period, Format(options["format"]), self.stdout)
        self.stderr.write(f"{count} entries")

    def _tenant(self, slug: str) -> Tenant:
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {slug!r}.")
        return tenant
