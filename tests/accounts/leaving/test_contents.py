"""What an archive holds, read by somebody who has only the archive."""

import hashlib
import json
from typing import Any

import pytest

from accounts.audit import SYSTEM, record
from accounts.audit.models import AuditSeal
from accounts.audit.sealing import seal_chain
from accounts.leaving.contents import schema_version
from accounts.tenancy import tenant_scope
from tests.accounts.leaving.stage import (
    WORDS,
    Clock,
    add_conversations,
    lines,
    made_archive,
    unzipped,
)
from tests.cast import Cast

pytestmark = pytest.mark.django_db


def rows(files: dict[str, bytes], table: str) -> list[dict[str, Any]]:
    return lines(files[f"{table}.jsonl"])


def digest(value: dict[str, Any]) -> str:
    """As README.txt of the archive tells it."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def head_of(files: dict[str, bytes]) -> str:
    """Prove the audit of an archive with nothing but its files. Returns the last seal's hash."""
    entries = {row.pop("id"): row for row in rows(files, "accounts.auditentry")}
    links = rows(files, "accounts.auditlink")
    previous = ""
    for number, seal in enumerate(
        sorted(rows(files, "accounts.auditseal"), key=lambda seal: int(seal["number"])), 1
    ):
        covered = [link for link in links if link["number"] == number]
        covered.sort(key=lambda link: int(link["position"]))
        assert len(covered) == seal["count"]
        for link in covered:
            entry = {"id": link["id"], "form": 1, **entries[link["id"]]}
            assert digest(entry) == link["hash"]
        names = ("tenant_id", "number", "at", "form", "count", "is_complete", "previous")
        value = {name: seal[name] for name in names}
        value["entries"] = [[link["id"], link["hash"]] for link in covered]
        assert digest(value) == seal["hash"]
        assert seal["previous"] == previous
        previous = seal["hash"]
    return previous


def test_the_audit_is_proved_outside(cast: Cast, furnished: str, clock: Clock) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        record("probe.more", actor=SYSTEM, before={"z": [1, None], "a": "ß"}, reason="Why, “so”")
    seal_chain(cast.acme.tenant.pk, clock.now)
    files = unzipped(made_archive(cast.acme.tenant, clock, page=2))
    with tenant_scope(cast.acme.tenant.pk):
        last = AuditSeal.objects.latest("number")
    assert head_of(files) == last.hash
    assert last.number == 2


def test_what_changed_in_it_is_found(cast: Cast, furnished: str, clock: Clock) -> None:
    files = unzipped(made_archive(cast.acme.tenant, clock))
    name = "accounts.auditentry.jsonl"
    files[name] = files[name].replace(b"probe.made-1", b"probe.made-9")
    with pytest.raises(AssertionError):
        head_of(files)


def test_words_people_and_files_are_in_it(cast: Cast, furnished: str, clock: Clock) -> None:
    files = unzipped(made_archive(cast.acme.tenant, clock))
    assert [row["text"] for row in rows(files, "conversations.turn")] == list(WORDS)
    people = rows(files, "people")
    assert [row["email"] for row in people] == sorted(row["email"] for row in people) or people
    assert {row["email"] for row in people} == {
        f"{role}@acme.example" for role in ("owner", "admin", "developer", "reviewer", "member")
    }
    assert rows(files, "organisation")[0]["slug"] == "acme"
    assert files["files/recordings/1.wav"] == b"RIFF" * 50_000
    assert not [name for name in files if "archives" in name]
    [credential] = rows(files, "accounts.credential")
    assert credential["last_four"] == "mini"
    assert "sealed_secret" not in credential


def test_no_reference_leads_nowhere(cast: Cast, furnished: str, clock: Clock) -> None:
    """Rows that come while the archive is made do not tear it: children are read first."""
    added: list[int] = []

    class Busy(Clock):
        def __call__(self) -> Any:
            self.pass_by(seconds=1)
            added.append(1)
            if len(added) < 30:
                add_conversations(cast.acme, 1)
            return self.now

    files = unzipped(made_archive(cast.acme.tenant, Busy(clock.now), page=3))
    conversations = {row["id"] for row in rows(files, "conversations.conversation")}
    assert len(conversations) > 10
    assert {row["conversation_id"] for row in rows(files, "conversations.event")} <= conversations


def test_the_manifest_tells_what_is_not_in_it(cast: Cast, furnished: str, clock: Clock) -> None:
    manifest = json.loads(unzipped(made_archive(cast.acme.tenant, clock))["manifest.json"])
    assert (manifest["format"], manifest["version"]) == ("parley-archive", 1)
    assert manifest["organisation"] == {"id": str(cast.acme.tenant.pk), "slug": "acme"}
    assert manifest["asked_by"] == SYSTEM
    assert manifest["schema"] == schema_version()
    assert set(manifest["schema"]) == {"accounts", "conversations"}
    assert manifest["asked_at"] <= manifest["began_at"] <= manifest["ended_at"]
    assert "conversations.lease" in manifest["left_out"]
    [keys] = [each for each in manifest["files"] if each["name"] == "accounts.apikey.jsonl"]
    assert keys["left_out"] == {"hash": "It checks the key's secret."}
