"""What the API says follows the models, and nothing more leaves."""

from conversations.api.serializers import (
    ConversationSerializer,
    EndReasonField,
    TurnSerializer,
)
from conversations.models import Conversation, Turn
from conversations.states import EndReason

# Columns that stay inside: how it is hosted and who is asked to stop it.
INSIDE = {"tenant", "version", "stop_reason", "last_epoch", "last_seq", "wishes"}
# The name stands in `end_user`; the token is its holder's.
INSIDE |= {"end_user_name", "access_token"}


def test_every_column_of_a_conversation_is_told_or_kept_on_purpose() -> None:
    columns = {field.name for field in Conversation._meta.concrete_fields}
    assert columns - set(ConversationSerializer().fields) == INSIDE


def test_every_column_of_a_turn_is_told_or_kept_on_purpose() -> None:
    columns = {field.name for field in Turn._meta.concrete_fields}
    kept = {"id", "tenant", "conversation", "epoch", "first_seq", "last_seq", "ref"}
    assert columns - set(TurnSerializer().fields) == kept


def test_nothing_can_be_written() -> None:
    for serializer in (ConversationSerializer(), TurnSerializer()):
        assert all(field.read_only for field in serializer.fields.values())


def test_an_end_reason_is_null_until_there_is_one() -> None:
    field = EndReasonField()
    assert field.to_representation("") is None
    assert field.to_representation(EndReason.USER_LEFT) == "user-left"
