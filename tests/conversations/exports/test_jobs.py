import hashlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import connection
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry
from accounts.tenancy import tenant_scope
from conversations.exports.jobs import (
    LEASE,
    MOST_OPEN,
    NoRedactedSound,
    NothingRecorded,
    TooManyExports,
    ask_for_export,
    claim,
    make,
)
from conversations.exports.sweeping import delete_export
from conversations.exports.wanted import Wanted
from conversations.models import Export, ExportPart
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import (
    ASKER,
    after_lease,
    asked,
    files_of,
    made,
    members,
    parts_of,
    raw,
    stored,
    talk_a_lot,
    text,
)
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db

FORMATS = ("jsonl", "csv", "txt", "webvtt")


class Died(Exception):
    """Stands for a process that is gone."""


@pytest.fixture
def small_parts(settings: Settings) -> None:
    settings.EXPORT_PART_BYTES = 600


def test_it_is_one_whole_file_with_its_checksum(cast: Cast, clock: Clock) -> None:
    talk_a_lot(cast.acme, 5)
    talk_a_lot(cast.globex, 2)
    export = made(cast.acme.tenant, clock)
    data = raw(export)
    assert (export.bytes, export.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (export.conversations_done, export.turns_done) == (5, 20)
    assert (export.conversations_expected, export.turns_expected) == (5, 20)
    assert (export.state, export.percent, export.tries) == ("ready", 100, 0)
    assert export.expires_at == clock.now + timedelta(days=7)
    assert files_of(export) == [export.file]
    assert parts_of(export) == []
    kinds = [json.loads(line)["type"] for line in text(export).splitlines()]
    assert [kinds.count(each) for each in ("conversation", "turn", "event")] == [5, 20, 2]
    with tenant_scope(cast.acme.tenant.pk):
        acts = AuditEntry.objects.filter(action__startswith="export.").order_by("id")
        assert [act.action for act in acts] == ["export.asked-for", "export.made"]
        assert "Word" not in json.dumps([act.after for act in acts])


def test_an_export_of_nothing_is_a_file_too(cast: Cast, clock: Clock) -> None:
    for form in FORMATS:
        export = made(cast.acme.tenant, clock, form)
        assert export.state == "ready"
        assert text(export).count("\n") == (1 if form == "csv" else 0)


@pytest.mark.parametrize("form", FORMATS)
def test_cut_anywhere_it_ends_the_same(
    cast: Cast, clock: Clock, small_parts: None, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever works on it dies with each file that is stored: before it, or before it is named."""
    talk_a_lot(cast.acme, 6, turns=6)
    whole = text(made(cast.acme.tenant, clock, form))
    export = asked(cast.acme.tenant, form)
    deaths = dying_storage(monkeypatch)
    seen = set()
    for number in range(60):
        clock = after_lease(clock)
        deaths.update(left=1 + number % 2, leaves=number % 3 == 0)
        try:
            if make(export.pk, clock=clock, page=3):
                break
        except Died:
            seen.add(stored(export).turns_done)
    ready = stored(export)
    assert text(ready) == whole
    assert ready.sha256 == hashlib.sha256(raw(ready)).hexdigest()
    assert (ready.turns_done, ready.conversations_done) == (36, 6)
    assert files_of(export) == [ready.file]
    assert len(seen) > 2, "it died between parts"


def dying_storage(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """`left` files are stored, then it dies; with `leaves` the last one lies there, half done."""
    deaths: dict[str, Any] = {"left": 0, "leaves": False}
    save = FileSystemStorage.save

    def until_it_dies(self: Any, name: str, content: Any, max_length: int | None = None) -> str:
        if not deaths["left"]:
            if deaths["leaves"]:
                save(self, name, content, max_length)
            raise Died
        deaths["left"] -= 1
        return save(self, name, content, max_length)

    monkeypatch.setattr(FileSystemStorage, "save", until_it_dies)
    return deaths


def test_a_message_that_comes_twice_makes_no_second_file(cast: Cast, clock: Clock) -> None:
    talk_a_lot(cast.acme, 2)
    export = asked(cast.acme.tenant)
    first = claim(export.pk, clock.now)
    assert first is not None
    assert not make(export.pk, clock=clock), "somebody is at it"
    assert make(export.pk, clock=after_lease(clock))
    ready = stored(export)
    assert not make(export.pk, clock=Clock(clock.now + 10 * LEASE)), "it is done"
    assert stored(export).file == ready.file
    assert files_of(export) == [ready.file]


def test_who_lost_the_lease_gives_up_and_leaves_nothing(
    cast: Cast, clock: Clock, small_parts: None
) -> None:
    """A slow holder goes on after another one has finished."""
    talk_a_lot(cast.acme, 6)
    export = asked(cast.acme.tenant)
    start = clock.now
    others: list[bool] = []

    def slow() -> Any:
        clock.pass_by(seconds=1)
        if clock.now - start > timedelta(seconds=4) and not others:
            others.append(make(export.pk, clock=after_lease(clock)))
        return clock.now

    assert not make(export.pk, clock=slow)
    assert others == [True]
    ready = stored(export)
    assert files_of(export) == [ready.file]
    assert hashlib.sha256(raw(ready)).hexdigest() == ready.sha256
    assert ready.turns_done == 24


def test_progress_is_told_part_by_part(cast: Cast, clock: Clock, small_parts: None) -> None:
    talk_a_lot(cast.acme, 8)
    export = asked(cast.acme.tenant)
    seen: list[int] = []

    def look() -> Any:
        seen.append(stored(export).percent)
        return clock.now

    assert make(export.pk, clock=look)
    assert seen == sorted(seen)
    assert len(set(seen)) > 4
    assert max(seen) == 99, "joining is the last hundredth"


def test_a_part_that_was_broken_is_written_again(
    cast: Cast, clock: Clock, small_parts: None, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk_a_lot(cast.acme, 6)
    whole = text(made(cast.acme.tenant, clock))
    export = asked(cast.acme.tenant)
    deaths = dying_storage(monkeypatch)
    deaths["left"] = 4
    with pytest.raises(Died):
        make(export.pk, clock=clock)
    broken = parts_of(export)[2]
    (files / broken.file).write_bytes(b"gone" * 10)
    deaths["left"] = 1000
    clock = after_lease(clock)
    with pytest.raises(OSError, match="not what it was"):
        make(export.pk, clock=clock)
    assert [part.number for part in parts_of(export)] == [1, 2]
    assert stored(export).fault == Export.Fault.STORAGE
    assert make(export.pk, clock=after_lease(clock))
    assert text(stored(export)) == whole
    assert (stored(export).turns_done, stored(export).fault) == (24, "")


def test_one_that_is_deleted_meanwhile_leaves_nothing(
    cast: Cast,
    clock: Clock,
    small_parts: None,
    files: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    talk_a_lot(cast.acme, 6)
    export = asked(cast.acme.tenant)

    def deleted_after_some() -> Any:
        with tenant_scope(cast.acme.tenant.pk):
            if ExportPart.objects.filter(export=export.pk).count() == 3:
                with django_capture_on_commit_callbacks(execute=True):
                    delete_export(Export.objects.get(pk=export.pk), ASKER)
        return clock.now

    assert not make(export.pk, clock=deleted_after_some)
    assert files_of(export) == []


def test_what_is_in_memory_does_not_grow(
    cast: Cast, clock: Clock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are read at once, and bytes that are stored at once: the same for ten times as
    many turns."""
    settings.EXPORT_PART_BYTES = 2000
    agent = make_agent(cast.acme.tenant)
    make_conversation(agent, cast.acme.member, [f"Word {each}" for each in range(30)])
    few = most_at_once(cast, clock, monkeypatch)
    for number in range(3):
        make_conversation(agent, cast.acme.member, [f"Word {number}"] * 100)
    many = most_at_once(cast, clock, monkeypatch)
    assert many["turns"] == 330
    assert few["turns"] == 30
    assert few["rows"] == many["rows"] == 7
    assert many["stored"] <= few["stored"] + 200
    assert many["files"] > 5 * few["files"]


def most_at_once(cast: Cast, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """What one export reads and stores, at most at once and in all."""
    most = {"rows": 0, "stored": 0, "files": 0}
    save = FileSystemStorage.save

    def count_bytes(self: Any, name: str, content: Any, max_length: int | None = None) -> str:
        if name.endswith(".part"):
            most["stored"] = max(most["stored"], content.size)
            most["files"] += 1
        return save(self, name, content, max_length)

    def count_rows(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if '"conversations_turn"."text"' in sql:
            assert " LIMIT 7" in sql
            most["rows"] = max(most["rows"], context["cursor"].rowcount)
        return result

    with monkeypatch.context() as patched, connection.execute_wrapper(count_rows):
        patched.setattr(FileSystemStorage, "save", count_bytes)
        export = asked(cast.acme.tenant)
        assert make(export.pk, clock=clock, page=7)
    return most | {"turns": stored(export).turns_done}


def test_certain_ones_and_filters(cast: Cast, clock: Clock) -> None:
    agent = talk_a_lot(cast.acme, 2)
    tenant = cast.acme.tenant
    one = make_conversation(agent, cast.acme.owner, ["Only this"])
    assert "Only this" in (only := text(made(tenant, clock, "txt", Wanted((one.pk,)))))
    assert only.count("Conversation ") == 1
    by = made(tenant, clock, "csv", Wanted(user=cast.acme.owner.pk))
    assert text(by).count("\n") == 2
    assert made(tenant, clock, "webvtt", Wanted((one.pk,))).file.endswith(".vtt.gz")
    many = made(tenant, clock, "webvtt")
    assert len(members(raw(many))) == 3
    later = make_conversation(agent, cast.acme.owner, ["After it was asked for"])
    assert str(later.pk) not in text(stored(by))


def test_what_is_refused(cast: Cast) -> None:
    tenant = cast.acme.tenant
    silent = make_conversation(make_agent(tenant), cast.acme.member)
    with pytest.raises(NoRedactedSound):
        asked(tenant, "audio", is_redacted=True)
    with pytest.raises(NothingRecorded):
        asked(tenant, "audio", Wanted((silent.pk,)))
    for _ in range(MOST_OPEN):
        asked(tenant)
    with pytest.raises(TooManyExports):
        asked(tenant)
    assert asked(cast.globex.tenant).is_open


def test_another_tenants_conversations_are_never_in_it(cast: Cast, clock: Clock) -> None:
    foreign = make_conversation(make_agent(cast.globex.tenant), cast.globex.member, ["Secret"])
    with tenant_scope(cast.acme.tenant.pk):
        export = ask_for_export(Wanted((foreign.pk,)), "jsonl", ASKER)
    make(export.pk, clock=clock)
    assert text(stored(export)) == ""
    assert default_storage.exists(stored(export).file)
