import json
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from uuid import UUID

import pytest

from accounts.audit import chain
from accounts.audit.chain import FORMS, NEWEST_FORM, entry_hash, seal_hash
from accounts.audit.models import AuditEntry, AuditLink, AuditSeal
from accounts.tenancy import PlatformScope, TenantScope, current_scope

ID, OTHER = UUID(int=1), UUID(int=2)
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def entry(**fields: object) -> AuditEntry:
    return AuditEntry(**{"id": ID, "at": AT, "actor": "system", "action": "a.b", **fields})


def seal(**fields: object) -> AuditSeal:
    return AuditSeal(
        **{
            "number": 1,
            "at": AT,
            "form": 1,
            "count": 1,
            "is_complete": True,
            "previous": "",
            "hash": "",
            **fields,
        }
    )


def link(pk: UUID = ID, digest: str = "h") -> AuditLink:
    return AuditLink(pk=pk, number=1, position=0, hash=digest)


def test_the_newest_form_covers_every_field() -> None:
    columns = {field.attname for field in AuditEntry._meta.concrete_fields}
    assert set(FORMS[NEWEST_FORM]) == columns


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", OTHER),
        ("tenant_id", OTHER),
        ("at", AT + timedelta(microseconds=1)),
        ("actor", "user:1"),
        ("action", "a.c"),
        ("object_type", "x"),
        ("object_id", "x"),
        ("reason", "x"),
        ("before", {}),
        ("after", {"a": [1, None, True, 0.5, "é"]}),
        ("ip", "192.0.2.1"),
        ("user_agent", "x"),
        ("request_id", "x"),
    ],
)
def test_each_field_of_an_entry_counts(name: str, value: object) -> None:
    assert entry_hash(entry(**{name: value}), 1) != entry_hash(entry(), 1)


def test_the_fields_above_are_all_there_are() -> None:
    marks = test_each_field_of_an_entry_counts.pytestmark  # type: ignore[attr-defined]
    assert {name for name, _ in marks[0].args[1]} == set(FORMS[NEWEST_FORM])


def test_words_do_not_slip_from_one_field_to_the_next() -> None:
    one = entry(object_type="ab", object_id="c")
    other = entry(object_type="a", object_id="bc")
    assert entry_hash(one, 1) != entry_hash(other, 1)


def test_one_entry_has_one_hash() -> None:
    """Whatever the order of keys, and the zone a time is written in."""
    here = AT.astimezone(timezone(timedelta(hours=5)))
    one = entry(after={"a": 1, "b": {"c": 2, "d": 3}}, at=AT)
    same = entry(after=json.loads('{"b":{"d":3,"c":2},"a":1}'), at=here)
    assert entry_hash(one, 1) == entry_hash(same, 1)


def test_the_first_form_stays_as_it_is() -> None:
    """Hashes of these texts are in people's databases; docs/reference/audit.md tells the form."""
    ids = '"00000000-0000-0000-0000-000000000001"', '"00000000-0000-0000-0000-000000000002"'
    made = entry(tenant_id=OTHER, after={"é": 1}, ip="192.0.2.1")
    entry_text = (
        '{"action":"a.b","actor":"system","after":{"é":1},"at":"2026-01-02T03:04:05.000006+00:00",'
        f'"before":null,"form":1,"id":{ids[0]},"ip":"192.0.2.1","object_id":"","object_type":"",'
        f'"reason":"","request_id":"","tenant_id":{ids[1]},"user_agent":""}}'
    )
    seal_text = (
        f'{{"at":"2026-01-02T03:04:05.000006+00:00","count":1,"entries":[[{ids[0]},"h"]],"form":1,'
        f'"is_complete":true,"number":1,"previous":"","tenant_id":{ids[1]}}}'
    )
    assert entry_hash(made, 1) == sha256(entry_text.encode()).hexdigest()
    assert seal_hash(seal(tenant_id=OTHER), [link()]) == sha256(seal_text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenant_id", OTHER),
        ("number", 2),
        ("at", AT + timedelta(microseconds=1)),
        ("form", 2),
        ("count", 2),
        ("is_complete", False),
        ("previous", "p"),
    ],
)
def test_each_field_of_a_seal_counts(name: str, value: object) -> None:
    assert seal_hash(seal(**{name: value}), [link()]) != seal_hash(seal(), [link()])


def test_what_a_seal_covers_counts() -> None:
    one, two = link(), link(OTHER, "i")
    hashes = [
        seal_hash(seal(), links)
        for links in ([], [one], [link(digest="x")], [link(OTHER)], [one, two], [two, one])
    ]
    assert len(set(hashes)) == len(hashes)


def test_the_scope_of_a_chain() -> None:
    with chain.chain_scope(ID):
        assert current_scope() == TenantScope(ID)
    with chain.chain_scope(None):
        assert isinstance(current_scope(), PlatformScope)


def test_an_unknown_form() -> None:
    with pytest.raises(KeyError):
        entry_hash(entry(), 0)
