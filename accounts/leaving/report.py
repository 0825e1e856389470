"""The report on a deletion: mailed to those who owned the tenant, kept for operators."""

from dataclasses import dataclass

from django.conf import settings

from accounts.leaving.models import Departure
from accounts.letters import post_letter, rendered

# What is left of a tenant, and why.
KEPT = (
    "This report: who asked for the deletion, when, and how much was deleted. It answers for it.",
    "The hash of the last seal of its audit. It proves that the audit in an archive is whole.",
    "The platform's own audit, which is never changed: ids of people, and operators' acts.",
    "Accounts of people who belong to another organisation here, or who operate this service.",
    "Backups of the database, as long as the operator of this service keeps them.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """How many rows of a table were deleted."""

    table: str
    count: int


def lines_of(departure: Departure) -> list[Line]:
    """The counts, by table."""
    return [Line(table, count) for table, count in sorted(departure.counts.items())]


def post_report(departure: Departure) -> int:
    """Mail the report, then forget the addresses. Returns how many will get it: 0 where there is
    no mail server. Killed in between, it may be mailed twice, and never not at all."""
    readers = list(departure.report_to) if settings.EMAIL_URL else []
    context = {"departure": departure, "lines": lines_of(departure), "kept": KEPT}
    subject, text = rendered("departure_report", context)
    for address in readers:
        post_letter.delay(subject, text, address)
    Departure.objects.filter(pk=departure.pk).update(report_to=[], is_reported=True)
    return len(readers)
