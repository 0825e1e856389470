from typing import Any

from accounts.leaving.decisions import Taken, decision_on, owned_models, undecided
from accounts.models import AuditEntry, AuditLink, AuditSeal
from accounts.tenancy import is_tenant_link
from conversations.models import Agent, Conversation, Turn


def test_something_is_decided_on_every_table_and_column() -> None:
    """A new tenant-owned model, or a new field of one, has to say whether it is taken along when
    its tenant leaves: `accounts/leaving/tables.py`, `conversations/leaving.py`."""
    assert list(undecided()) == []


def test_a_row_is_written_before_what_it_refers_to() -> None:
    order = owned_models()
    assert len(order) == len(set(order)) > 8
    for model in order:
        fields: Any = model._meta.concrete_fields
        for field in fields:
            if is_tenant_link(field) and field.remote_field.model is not model:
                assert order.index(model) < order.index(field.remote_field.model), field
    assert order.index(Turn) < order.index(Conversation) < order.index(Agent)
    assert order.index(AuditSeal) < order.index(AuditLink) < order.index(AuditEntry)


def test_what_is_not_decided_is_left_out() -> None:
    class Unheard:
        pass

    assert not isinstance(decision_on(Unheard), Taken)  # type: ignore[arg-type]
