import pytest

from accounts.tenancy import tenant_scope
from conversations.admin.export_forms import ExportForm, ScheduleForm, initial_of, words
from conversations.exports.wanted import Wanted
from conversations.states import EndReason
from tests.cast import Cast
from tests.conversations.talks import make_agent, make_conversation


def test_states_in_words() -> None:
    assert ("idle-limit", "Idle limit") in words(EndReason)


@pytest.mark.django_db
def test_what_is_left_empty_is_not_asked_for(cast: Cast) -> None:
    with tenant_scope(cast.acme.tenant.pk):
        form = ExportForm({"format": "csv"})
        assert form.is_valid(), form.errors
        assert form.wanted() == Wanted()


@pytest.mark.django_db
def test_a_filter_comes_back_as_it_was_filled_in(cast: Cast) -> None:
    agent = make_agent(cast.acme.tenant)
    talk = make_conversation(agent, cast.acme.member)
    said = {"agent": str(agent.pk), "person": "Member@acme.example", "end_user": "u1"}
    said |= {"conversation_state": "ended", "end_reason": "user-left"}
    with tenant_scope(cast.acme.tenant.pk):
        form = ExportForm({"format": "csv", "conversations": str(talk.pk), **said})
        assert form.is_valid(), form.errors
        wanted = form.wanted()
        assert wanted.conversations == (talk.pk,)
        again = Wanted.from_json(wanted.as_json())
        assert initial_of(again) == said | {"person": "member@acme.example"}
        assert ScheduleForm(data={}).errors["formats"]
