import pytest
from django.utils import timezone

from accounts.tenancy import tenant_scope
from conversations.admin.export_forms import ExportForm, ScheduleForm, initial_of, words
from conversations.exports.schedules import MOST_SCHEDULES
from conversations.exports.wanted import Wanted
from conversations.models import ExportSchedule
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


@pytest.mark.django_db
def test_a_schedule_too_many(cast: Cast) -> None:
    said = {"name": "One more", "every": "day", "hour": "2", "formats": ["csv"], "keep_days": "7"}
    usual = {"formats": ["csv"], "next_at": timezone.now(), "asked_by": "system"}
    with tenant_scope(cast.acme.tenant.pk):
        rows = [ExportSchedule(name=str(number), **usual) for number in range(MOST_SCHEDULES)]
        ExportSchedule.objects.bulk_create(rows[1:])
        assert ScheduleForm(data=said).is_valid()
        rows[0].save()
        assert "There are 50 schedules" in str(ScheduleForm(data=said).errors)
        assert ScheduleForm(data=said, instance=rows[0]).is_valid()
