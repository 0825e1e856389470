"""No file outlives its row, and no recording its promise."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from accounts.leaving.files import name_of
from conversations.models import Agent, Conversation, Recording
from conversations.recordings.deleting import delete_old_recordings, sweep_recordings
from conversations.recordings.storing import Whose, store_file, store_rows
from tests.conversations.recordings.takes import a_segment, agree, hosted

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("all_tenants"),
]


def recorded(agent: Agent) -> Whose:
    whose = hosted(agent)
    agree(agent, Conversation.objects.get(pk=whose.conversation_id))
    store_rows([store_file(whose, a_segment(number)) for number in range(3)])
    return whose


def flacs(files: Path) -> int:
    return len(list(files.rglob("*.flac")))


def test_what_was_promised_is_kept_and_no_longer(agent: Agent, files: Path) -> None:
    recorded(agent)
    assert delete_old_recordings(timezone.now() + timedelta(days=29)) == 0
    assert flacs(files) == 3
    assert delete_old_recordings(timezone.now() + timedelta(days=31)) == 3
    assert (flacs(files), Recording.objects.count()) == (0, 0)


def test_with_a_conversation_its_files_go_and_what_is_left_behind_is_swept(
    agent: Agent, files: Path
) -> None:
    whose, other = recorded(agent), recorded(agent)
    Conversation.objects.filter(pk=whose.conversation_id).delete()
    assert flacs(files) == 3
    left = files / name_of(whose.tenant_id, "recordings", "gone", "1.flac")
    left.parent.mkdir()
    left.write_bytes(b"whoever stored it died before its row was written")
    assert sweep_recordings() == 0  # its row may still come
    yesterday = (timezone.now() - timedelta(days=2)).timestamp()
    for file in files.rglob("*.flac"):
        os.utime(file, (yesterday, yesterday))
    assert sweep_recordings() == 1
    assert flacs(files) == Recording.objects.filter(conversation=other.conversation_id).count() == 3
