import csv
import io
import json
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.audit import SYSTEM, record
from accounts.audit.models import AuditEntry, AuditSeal
from accounts.management.commands.audit import LATE
from accounts.tenancy import platform_scope, tenant_scope
from tests.accounts.audit.tampering import sealed_entries, tamper
from tests.cast import Cast
from tests.children import child_environment
from tests.services import ROOT


def audit(*words: str) -> str:
    out = io.StringIO()
    call_command("audit", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def broken(*words: str) -> str:
    out = io.StringIO()
    with pytest.raises(CommandError, match="broken") as raised:
        call_command("audit", *words, stdout=out)
    assert raised.value.returncode == 1
    return out.getvalue()


def test_every_chain_is_proved(cast: Cast) -> None:
    sealed_entries(cast.acme.tenant, 2)
    told = audit("verify")
    assert "acme: sound. Entries: 3, seals: 1, not sealed yet: 0." in told
    assert "globex: sound. Entries: 1, seals: 0, not sealed yet: 1." in told
    assert "the platform: sound. Entries: 0" in told
    with tenant_scope(cast.acme.tenant.pk):
        assert f"last seal: 1 {AuditSeal.objects.get().hash}" in told


def test_one_chain(cast: Cast) -> None:
    assert "globex" not in audit("verify", "--tenant", "acme")


@pytest.mark.usefixtures("owned_database")
def test_a_broken_chain(cast: Cast) -> None:
    entry = sealed_entries(cast.acme.tenant, 2)[1]
    tamper("UPDATE accounts_auditentry SET actor = 'x' WHERE id = %s", entry.pk)
    for words in (["verify"], ["verify", "--tenant", "acme"]):
        told = broken(*words)
        assert f"acme: BROKEN at seal 1, entry {entry.pk}: changed." in told
    assert "globex: sound" in broken("verify")
    assert "sound" in audit("verify", "--tenant", "globex")


def test_a_hash_noted_elsewhere(cast: Cast) -> None:
    sealed_entries(cast.acme.tenant, 2)
    with tenant_scope(cast.acme.tenant.pk):
        known = AuditSeal.objects.get().hash
    assert "sound" in audit("verify", "--tenant", "acme", "--known", known)
    assert "was cut off" in broken("verify", "--tenant", "acme", "--known", "0" * 64)
    with pytest.raises(CommandError, match="--tenant"):
        audit("verify", "--known", known)


def test_it_tells_that_nobody_seals(cast: Cast) -> None:
    assert "Celery" not in audit("verify")
    with tenant_scope(cast.acme.tenant.pk):
        past = timezone.now() - LATE - timedelta(minutes=1)
        AuditEntry.objects.create(actor=SYSTEM, action="probe.made", at=past)
    assert "do Celery's worker and beat run?" in audit("verify", "--tenant", "acme")


def test_export(cast: Cast) -> None:
    lines = [json.loads(line) for line in audit("export", "--tenant", "acme").splitlines()]
    assert [line["action"] for line in lines] == ["api-key.created", "audit.exported"]
    assert {line["tenant_id"] for line in lines} == {str(cast.acme.tenant.pk)}
    rows = csv.DictReader(io.StringIO(audit("export", "--tenant", "acme", "--format", "csv")))
    assert [row["action"] for row in rows] == ["api-key.created", *["audit.exported"] * 2]


def test_export_of_a_period(cast: Cast) -> None:
    assert audit("export", "--tenant", "acme", "--until", "2026-01-31") == ""
    assert audit("export", "--tenant", "acme", "--since", "2999-01-31T12:00:00+01:00") == ""
    with tenant_scope(cast.acme.tenant.pk):
        first, second = AuditEntry.objects.filter(action="audit.exported").order_by("id")
    assert first.object_id == str(cast.acme.tenant.pk)
    until = "2026-01-31T00:00:00+00:00"
    assert first.after == {"since": None, "until": until, "format": "jsonl"}
    assert second.after is not None
    assert second.after["since"] == "2999-01-31T12:00:00+01:00"


def test_export_of_the_platforms_own(cast: Cast) -> None:
    with platform_scope("test"):
        record("probe.platform", actor=SYSTEM)
    lines = [json.loads(line) for line in audit("export", "--platform").splitlines()]
    assert [line["action"] for line in lines] == ["probe.platform", "audit.exported"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["export", "--tenant", "nobody"], "There is no tenant 'nobody'"),
        (["verify", "--tenant", "nobody"], "There is no tenant 'nobody'"),
        (["export"], "one of the arguments --tenant --platform is required"),
        (["export", "--tenant", "acme", "--platform"], "not allowed with"),
        (["export", "--tenant", "acme", "--since", "yesterday"], "2026-01-31"),
        (["export", "--tenant", "acme", "--format", "xml"], "xml"),
        ([], "action"),
    ],
)
def test_what_cannot_be_done_is_told(cast: Cast, words: list[str], told: str) -> None:
    with pytest.raises(CommandError, match=told):
        audit(*words)


@pytest.mark.usefixtures("owned_database")
def test_the_exit_status(transactional_db: None, cast: Cast) -> None:
    entry = sealed_entries(cast.acme.tenant, 1)[0]
    tamper("UPDATE accounts_auditentry SET actor = 'x' WHERE id = %s", entry.pk)
    result = subprocess.run(
        [sys.executable, "manage.py", "audit", "verify"],
        cwd=ROOT,
        env=child_environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "BROKEN" in result.stdout
    assert "1 of 3 chains broken" in result.stderr
    assert "Traceback" not in result.stderr
