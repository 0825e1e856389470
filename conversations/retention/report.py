"""The report on a person's erasure, as a file for who asked for it, or for the person."""

from __future__ import annotations

from typing import Final

from django.template.loader import render_to_string

from accounts.leaving.departures import name_of_actor
from accounts.models import Tenant
from conversations.models import Erasure

# What is left of a person, and why.
KEPT: Final = (
    "This report, and the SHA-256 of the person's id: it shows that the erasure was done.",
    "The conversations, without the person: when they were, with which agent, how they ended.",
    "What others said in them, without the names, addresses and numbers that could be found.",
    "What was used: sums by day, of the organisation and its agents. They name nobody.",
    "The audit, which is never changed: it names a member by an id that leads nowhere now.",
    "Answers kept for idempotency keys, for 24 hours, and deliveries that webhooks have received.",
    "Backups of the database and of files, as long as the operator of this service keeps them.",
)


def text_of(erasure: Erasure) -> str:
    """The whole report, in the tenant's scope. For one that goes on: what was done so far."""
    context = {
        "erasure": erasure,
        "organisation": Tenant.objects.get(pk=erasure.tenant_id).name,
        "asked_by": name_of_actor(erasure.asked_by),
        "lines": sorted(erasure.counts.items()),
        "kept": KEPT,
    }
    return render_to_string("conversations/retention/report.txt", context)


def file_name(erasure: Erasure) -> str:
    """Such as `erasure-2026-11-23-1a2b3c4d.txt`."""
    return f"erasure-{erasure.asked_at:%Y-%m-%d}-{erasure.fingerprint[:8]}.txt"
