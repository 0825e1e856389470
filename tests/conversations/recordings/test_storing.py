"""Segments become files and rows, of those who hold the lease alone."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage

from accounts.leaving.files import folder_of
from conversations.models import Agent, Recording
from conversations.recordings.storing import store_file, store_rows
from conversations.states import Speaker
from tests.conversations.recordings.takes import a_segment, hosted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("all_tenants")]


def test_a_file_lies_below_its_tenants_folder_and_its_row_names_it(agent: Agent) -> None:
    whose = hosted(agent)
    stored = [store_file(whose, a_segment(0)), store_file(whose, a_segment(1, Speaker.AGENT))]
    store_rows(stored)
    store_rows(stored)  # the answer to the first one was lost
    first, second = Recording.objects.filter(conversation_id=whose.conversation_id)
    assert first.file.startswith(f"{folder_of(agent.tenant_id)}/recordings/")
    assert first.bytes == default_storage.size(first.file)
    assert (second.side, second.start_ms, second.length_ms) == ("agent", 1000, 1000)


def test_who_has_lost_the_lease_leaves_nothing(agent: Agent, files: Path) -> None:
    whose = hosted(agent, epoch=2)
    old = type(whose)(whose.conversation_id, whose.tenant_id, 1)
    store_rows([store_file(old, a_segment())])
    assert not Recording.objects.exists()
    assert not list(files.rglob("*.flac"))
