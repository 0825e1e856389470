import pytest
from django.utils import timezone

from accounts.tenancy import tenant_scope
from conversations.models import Erasure
from conversations.retention.report import KEPT, file_name, text_of
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_the_report_tells_what_went_and_what_is_kept(cast: Cast) -> None:
    acme = cast.acme
    with tenant_scope(acme.tenant.pk):
        erasure = Erasure.objects.create(
            fingerprint="ab" * 32,
            state="done",
            asked_by=f"user:{acme.owner.pk}",
            counts={"turns": 3, "conversations": 2},
            finished_at=timezone.now(),
        )
        text = text_of(erasure)
    for part in ("Acme", "Done", acme.owner.email, "ab" * 32, "  3 turns", *KEPT):
        assert part in text
    assert "&" not in text
    assert file_name(erasure) == f"erasure-{erasure.asked_at:%Y-%m-%d}-abababab.txt"
