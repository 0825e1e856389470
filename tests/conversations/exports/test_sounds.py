import io
import wave

import pytest
from pytest_django.fixtures import Settings

from accounts.tenancy import tenant_scope
from conversations.exports import sounds as module
from conversations.exports.pieces import Piece
from conversations.exports.wanted import Wanted
from conversations.models import Conversation, Recording
from conversations.recordings.mix import mix_of
from conversations.recordings.storing import store_file, store_rows
from tests.accounts.leaving.stage import Clock
from tests.cast import Cast
from tests.conversations.exports.exported import made, members, raw
from tests.conversations.recordings.takes import a_segment, hosted
from tests.conversations.talks import make_agent, make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture
def recorded(cast: Cast, settings: Settings) -> Conversation:
    """Three seconds, in parts of less than one."""
    settings.EXPORT_PART_BYTES = 50_000
    whose = hosted(make_agent(cast.acme.tenant))
    store_rows([store_file(whose, a_segment(number)) for number in range(3)])
    with tenant_scope(whose.tenant_id):
        rows = Conversation.objects.select_related("agent")
        row: Conversation = rows.get(pk=whose.conversation_id)
    return row


def whole(conversation: Conversation) -> bytes:
    with tenant_scope(conversation.tenant_id):
        mix = mix_of(conversation.pk)
    assert mix is not None
    return b"".join(mix.pieces())


def test_one_is_what_its_player_plays(cast: Cast, clock: Clock, recorded: Conversation) -> None:
    export = made(cast.acme.tenant, clock, "audio", Wanted((recorded.pk,)))
    assert export.file.endswith(".wav")
    assert raw(export) == whole(recorded)
    with wave.open(io.BytesIO(raw(export))) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (2, 24_000)
        assert sound.getnframes() == 3 * 24_000


def test_several_are_an_archive(cast: Cast, clock: Clock, recorded: Conversation) -> None:
    make_conversation(recorded.agent, None)
    export = made(cast.acme.tenant, clock, "audio")
    assert members(raw(export)) == {f"{recorded.pk}.wav": whole(recorded)}
    assert (export.conversations_done, export.turns_done) == (2, 0)


@pytest.mark.parametrize("in_tar", [True, False])
def test_from_any_position_on_the_rest_comes(
    recorded: Conversation, clock: Clock, in_tar: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_scope(recorded.tenant_id):
        rows = Wanted((recorded.pk,)).rows(clock.now)
        pieces = list(module.sounds(rows, None, in_tar=in_tar))
        for number, piece in enumerate(pieces):
            if isinstance(piece.position, list):
                rest = b"".join(each.data for each in pieces[number + 1 :])
                again = module.sounds(rows, piece.position, in_tar=in_tar)
                assert b"".join(each.data for each in again) == rest


def test_what_is_deleted_meanwhile_is_silence(recorded: Conversation, clock: Clock) -> None:
    """The archive has said how long the file is."""
    with tenant_scope(recorded.tenant_id):
        rows = Wanted((recorded.pk,)).rows(clock.now)
        pieces = list(module.sounds(rows, None, in_tar=True))
        first = next(number for number, each in enumerate(pieces) if each.position)
        Recording.objects.all().delete()
        rest = b"".join(e.data for e in module.sounds(rows, pieces[first].position, in_tar=True))
    begun = b"".join(each.data for each in pieces[: first + 1])
    [sound] = members(begun + rest).values()
    assert len(sound) == len(whole_bytes(pieces))
    assert sound[-40_000:] == bytes(40_000)


def whole_bytes(pieces: list[Piece]) -> bytes:
    [sound] = members(b"".join(each.data for each in pieces)).values()
    return sound
