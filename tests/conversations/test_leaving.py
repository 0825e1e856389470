from accounts.leaving.decisions import LeftOut, Taken, decision_on
from conversations.models import Conversation, Lease, Turn


def test_what_was_said_is_taken_along_and_what_runs_is_not() -> None:
    turns = decision_on(Turn)
    assert isinstance(turns, Taken)
    assert "text" in turns.fields
    conversations = decision_on(Conversation)
    assert isinstance(conversations, Taken)
    assert conversations.noun == ("conversation", "conversations")
    assert isinstance(decision_on(Lease), LeftOut)
