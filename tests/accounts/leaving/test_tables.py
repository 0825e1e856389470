import re

import pytest

from accounts.keyset.field import SealedField
from accounts.leaving.decisions import LeftOut, Taken, decision_on, owned_models

SECRETS = re.compile(r"secret|sealed|hash|token|password")
# The audit's hashes prove the chain and open nothing; of tokens only numbers are counted.
NO_SECRETS = {"AuditSeal.hash", "AuditLink.hash", "Conversation.access_token_id"}
NO_SECRETS |= {f"{name}.unpriced_tokens" for name in ("Usage", "UsageDay")}
MODELS = {model.__name__: model for model in owned_models()}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_no_secret_is_taken_along(name: str) -> None:
    decision = decision_on(MODELS[name])
    if isinstance(decision, LeftOut):
        assert decision.because.endswith(".")
        return
    assert isinstance(decision, Taken)
    sealed = {
        field.attname
        for field in MODELS[name]._meta.concrete_fields
        if isinstance(field, SealedField)
    }
    assert not sealed & set(decision.fields)
    doubtful = {f"{name}.{field}" for field in decision.fields if SECRETS.search(field)}
    assert doubtful <= NO_SECRETS
    assert all(reason.endswith(".") for reason in decision.left.values())
