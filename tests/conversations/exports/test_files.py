from uuid import uuid4

import pytest

from accounts.leaving.files import COPIES, folder_of
from conversations.exports import files
from conversations.exports.wanted import Wanted
from conversations.models import Export, ExportFormat


def export_of(form: str, *ids: object, **fields: object) -> Export:
    wanted = Wanted(tuple(ids)).as_json()  # type: ignore[arg-type]
    return Export(format=form, wanted=wanted, **fields)


@pytest.mark.parametrize(
    ("form", "one", "many"),
    [
        ("jsonl", ".jsonl.gz", ".jsonl.gz"),
        ("csv", ".csv.gz", ".csv.gz"),
        ("txt", ".txt.gz", ".txt.gz"),
        ("webvtt", ".vtt.gz", ".vtt.tar.gz"),
        ("audio", ".wav", ".wav.tar"),
    ],
)
def test_how_a_file_ends(form: str, one: str, many: str) -> None:
    assert files.kind_of(export_of(form, uuid4())).ending == one
    for several in (export_of(form), export_of(form, uuid4(), uuid4())):
        assert files.kind_of(several).ending == many
        assert files.kind_of(several).is_tar == (".tar" in many)


def test_every_format_has_a_kind_that_browsers_know() -> None:
    for form in ExportFormat:
        for ids in ((), (uuid4(),)):
            assert files.kind_of(export_of(form, *ids)).media_type in files.MEDIA_TYPES


def test_what_it_is_called() -> None:
    export = export_of("csv", uuid4(), is_redacted=True)
    ending = f"-{export.pk.hex[-8:]}-redacted.csv.gz"
    assert files.download_name(export) == f"conversation-{export.asked_at:%Y-%m-%d}{ending}"


def test_it_lies_with_its_tenants_files_and_in_no_archive() -> None:
    tenant, export = uuid4(), uuid4()
    assert files.folder_of(tenant, export) == f"{folder_of(tenant)}/exports/{export}"
    assert "exports" in COPIES
