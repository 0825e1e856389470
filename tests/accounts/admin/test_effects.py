from accounts.admin import effects
from accounts.models import Tenant


def test_sentences_come_from_who_knows() -> None:
    known = effects.effects_of_suspension
    told = effects.tell_of_suspension(lambda tenant: f"{tenant.name}: one more.")
    try:
        effects._of_suspension[:] = [told]  # noqa: SLF001 - conversations' own sentence aside
        assert known(Tenant(name="Acme")) == ["Acme: one more."]
    finally:
        from conversations.admin.suspension import live_conversations  # noqa: PLC0415

        effects._of_suspension[:] = [live_conversations]  # noqa: SLF001
