"""Where an export's files lie, and what they are called to who downloads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from accounts.leaving.files import EXPORTS, name_of
from conversations.exports.wanted import Wanted
from conversations.models import Export
from conversations.models.exports import ExportFormat

MEDIA_TYPES = GZIP, TAR, WAV = "application/gzip", "application/x-tar", "audio/wav"


@dataclass(frozen=True, slots=True)
class Kind:
    """How a file ends, what it is to a browser, whether it is packed, and is a tar archive."""

    ending: str
    media_type: str = GZIP
    packs: bool = True
    is_tar: bool = False


# By format, for one conversation and for several.
_KINDS: Final = {
    (ExportFormat.JSONL, True): Kind(".jsonl.gz"),
    (ExportFormat.JSONL, False): Kind(".jsonl.gz"),
    (ExportFormat.CSV, True): Kind(".csv.gz"),
    (ExportFormat.CSV, False): Kind(".csv.gz"),
    (ExportFormat.TXT, True): Kind(".txt.gz"),
    (ExportFormat.TXT, False): Kind(".txt.gz"),
    (ExportFormat.WEBVTT, True): Kind(".vtt.gz"),
    (ExportFormat.WEBVTT, False): Kind(".vtt.tar.gz", is_tar=True),
    (ExportFormat.AUDIO, True): Kind(".wav", WAV, packs=False),
    (ExportFormat.AUDIO, False): Kind(".wav.tar", TAR, packs=False, is_tar=True),
}


def kind_of(export: Export) -> Kind:
    is_one = Wanted.from_json(export.wanted).only is not None
    return _KINDS[ExportFormat(export.format), is_one]


def folder_of(tenant_id: UUID, export_id: UUID) -> str:
    """The folder with everything that is written for an export."""
    return name_of(tenant_id, EXPORTS, str(export_id))


def download_name(export: Export) -> str:
    """Such as `conversations-2026-11-23-1a2b3c4d.jsonl.gz`."""
    what = "conversation" if Wanted.from_json(export.wanted).only else "conversations"
    redacted = "-redacted" if export.is_redacted else ""
    day = f"{export.asked_at:%Y-%m-%d}"
    return f"{what}-{day}-{export.pk.hex[-8:]}{redacted}{kind_of(export).ending}"
