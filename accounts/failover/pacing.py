"""How fast conversations move to another credential: as fast as the service admits them.

Vertex AI admits ten new connections a minute in a project and region. Fifty conversations that
come at once would use up the standby's quota as well, so each takes a place in a row, which the
database keeps for all workers together.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from accounts.models import Credential


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` connections at once, then one every `every`."""

    every: timedelta
    burst: int

    def place(self, taken_until: datetime | None, now: datetime) -> tuple[timedelta, datetime]:
        """Take a place. Returns how long to wait for it, and until when places are taken now."""
        begin = max(taken_until or now, now)
        wait = begin - now - self.every * (self.burst - 1)
        return max(wait, timedelta()), begin + self.every


# With these no minute has more than the ten of Vertex AI, and few conversations do not wait.
PACES = {
    Credential.Endpoint.VERTEX: Pace(every=timedelta(seconds=12), burst=5),
    Credential.Endpoint.DEVELOPER: Pace(every=timedelta(seconds=0.1), burst=10),
}


def take_place(credential_id: UUID, now: datetime) -> float:
    """Take the next place of a credential. Returns the seconds until it comes."""
    with transaction.atomic():
        credential = Credential.objects.select_for_update().filter(pk=credential_id).first()
        if credential is None:
            return 0.0
        pace = PACES[Credential.Endpoint(credential.endpoint)]
        wait, credential.paced_until = pace.place(credential.paced_until, now)
        credential.save(update_fields=["paced_until"])
    return wait.total_seconds()
