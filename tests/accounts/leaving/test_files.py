import uuid
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.leaving.files import delete_folder, files_below, folder_of, name_of

ACME, GLOBEX = uuid.uuid4(), uuid.uuid4()


@pytest.fixture(autouse=True)
def stored(own_storage: Path) -> None:
    for tenant in (ACME, GLOBEX):
        for name in ("b/c/2", "b/1", "a"):
            default_storage.save(name_of(tenant, *name.split("/")), ContentFile(b"x"))


def test_a_tenants_files_are_found() -> None:
    folder = folder_of(ACME)
    assert list(files_below(folder)) == [f"{folder}/{name}" for name in ("a", "b/1", "b/c/2")]
    assert list(files_below(folder_of(uuid.uuid4()))) == []


def test_a_folder_goes_with_everything_in_it(own_storage: Path) -> None:
    assert delete_folder(folder_of(ACME)) == 3
    assert not (own_storage / folder_of(ACME)).exists()
    assert delete_folder(folder_of(ACME)) == 0
    assert len(list(files_below(folder_of(GLOBEX)))) == 3


def test_only_their_owner_reads_files(own_storage: Path) -> None:
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in own_storage.rglob("*")}
    assert modes == {True: 0o700, False: 0o600}
