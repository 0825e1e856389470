import pytest
from django.db import IntegrityError, transaction

from accounts.tenancy import TenantMismatch, tenant_scope
from conversations.models import Export, ExportPart
from tests.cast import Cast


def test_how_far_it_is() -> None:
    export = Export(conversations_expected=4, conversations_done=1)
    assert export.percent == 25
    export.turns_expected, export.turns_done = 200, 150
    assert export.percent == 75
    export.turns_done = 999  # more was said meanwhile
    assert export.percent == 99
    export.state = Export.State.READY
    assert (export.percent, export.is_open) == (100, False)
    assert Export(format="csv").percent == 0


@pytest.mark.django_db
def test_a_part_is_there_once_and_its_exports_tenants(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        export = Export.objects.create(format="csv", asked_by="system", keep_days=7)
        part = {"number": 1, "bytes": 1, "position": [], "conversations": 0, "turns": 0}
        ExportPart.objects.create(export=export, file="a", **part)
        with pytest.raises(IntegrityError), transaction.atomic():
            ExportPart.objects.create(export=export, file="b", **part)
    with tenant_scope(cast.globex.tenant.pk), pytest.raises(TenantMismatch):
        ExportPart.objects.create(export=export, file="c", **part)
