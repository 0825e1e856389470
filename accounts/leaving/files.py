"""Where a tenant's files lie in the storage: all of them below one folder of its own.

Whoever stores a file for a tenant names it by `name_of`. So it is taken along, and deleted with
the tenant, without being known here.
"""

from collections.abc import Iterator
from uuid import UUID

from django.core.files.storage import default_storage

ARCHIVES, EXPORTS = "archives", "exports"
# What lies there are copies of what is elsewhere.
COPIES = (ARCHIVES, EXPORTS)


def folder_of(tenant_id: UUID) -> str:
    return f"tenants/{tenant_id}"


def name_of(tenant_id: UUID, *parts: str) -> str:
    """The name in the storage of a tenant's file: `name_of(tenant_id, "recordings", "1.wav")`."""
    return "/".join((folder_of(tenant_id), *parts))


def files_below(folder: str) -> Iterator[str]:
    """Names of all files below a folder, in a steady order; none where there is no folder."""
    folders, files = _listed(folder)
    yield from (f"{folder}/{name}" for name in sorted(files))
    for name in sorted(folders):
        yield from files_below(f"{folder}/{name}")


def delete_folder(folder: str) -> int:
    """Delete a folder with everything in it. Returns how many files there were. What somebody
    else has deleted meanwhile is no error."""
    folders, files = _listed(folder)
    for name in files:
        default_storage.delete(f"{folder}/{name}")
    count = len(files) + sum(delete_folder(f"{folder}/{name}") for name in folders)
    default_storage.delete(folder)
    return count


def _listed(folder: str) -> tuple[list[str], list[str]]:
    try:
        return default_storage.listdir(folder)
    except FileNotFoundError:
        return [], []
