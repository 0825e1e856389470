from datetime import UTC, datetime

from accounts.leaving.models import Archive, Departure

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_how_far_an_archive_is() -> None:
    archive = Archive(rows_done=5, rows_expected=20, asked_at=NOW)
    assert (archive.percent, archive.is_open) == (25, True)
    assert str(archive) == "archive of 2026-11-23"
    archive.rows_done = 30  # more came meanwhile
    assert archive.percent == 99
    assert Archive().percent == 0
    assert not Archive(state=Archive.State.READY).is_open


def test_a_departure_counts_rows_and_files_apart() -> None:
    departure = Departure(name="Acme", counts={"accounts.tenant": 1, "a.b": 4, "files": 7})
    assert departure.rows_deleted == 5
    assert str(departure) == "Acme (leaving)"
