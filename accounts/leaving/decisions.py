"""What is taken along of each tenant-owned table: these fields, or nothing, and why.

The tables come from Django's registry, so a new one cannot be forgotten: a test fails for a model,
and for a field of one, on which nothing is decided here. Until then it is left out, since nobody
has said that no secret is in it. Apps decide on their own models where they load (`tables` has
those of `accounts`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps

from accounts.tenancy import TenantOwned, is_tenant_link


@dataclass(frozen=True, slots=True)
class Taken:
    """`fields` are taken, as the columns name them; `left` says of each other one why not.

    `noun` is what one and many of the rows are called to people, if they are told how many.
    """

    fields: tuple[str, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    noun: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    because: str


Decision = Taken | LeftOut
UNDECIDED = LeftOut("Nobody has decided yet what of it may be taken along.")

_decisions: dict[type[TenantOwned], Decision] = {}


def take(
    model: type[TenantOwned],
    *fields: str,
    left: Mapping[str, str] | None = None,
    noun: tuple[str, str] | None = None,
) -> None:
    """Take these columns of the model along. Of the models that no foreign key orders, those
    decided on first are written first."""
    _decisions[model] = Taken(fields, left or {}, noun)


def leave_out(model: type[TenantOwned], because: str) -> None:
    """Take nothing of the model along."""
    _decisions[model] = LeftOut(because)


def decision_on(model: type[TenantOwned]) -> Decision:
    return _decisions.get(model, UNDECIDED)


def undecided() -> Iterator[str]:
    """Models and fields on which nothing is decided, and decisions on fields that are not there."""
    for model in owned_models():
        decision = decision_on(model)
        if decision is UNDECIDED:
            yield model._meta.label
        if isinstance(decision, Taken):
            columns = {each.attname for each in model._meta.concrete_fields}
            for name in sorted(columns ^ {*decision.fields, *decision.left}):
                yield f"{model._meta.label}.{name}"


def owned_models() -> list[type[TenantOwned]]:
    """Every tenant-owned model, each before those that its rows refer to.

    Written in this order, a row that comes meanwhile leaves no reference that leads nowhere;
    deleted in this order, no row is in the way of another.
    """
    rank = {model: number for number, model in enumerate(_decisions)}
    found = [
        model
        for model in apps.get_models(include_auto_created=True)
        if issubclass(model, TenantOwned) and not model._meta.proxy
    ]
    found.sort(key=lambda model: (rank.get(model, len(rank)), model._meta.label))
    ordered: list[type[TenantOwned]] = []
    for model in found:
        _place(model, found, ordered, frozenset())
    return ordered


def _place(
    model: type[TenantOwned],
    models: list[type[TenantOwned]],
    ordered: list[type[TenantOwned]],
    above: frozenset[type[TenantOwned]],
) -> None:
    """Put the model after all that refer to it. Of models that refer to each other in a ring one
    has to come first."""
    if model in ordered or model in above:
        return
    for other in models:
        if other is not model and _refers(other, model):
            _place(other, models, ordered, above | {model})
    ordered.append(model)


def _refers(model: type[TenantOwned], to: type[TenantOwned]) -> bool:
    links: list[Any] = [each for each in model._meta.concrete_fields if is_tenant_link(each)]
    return any(issubclass(to, each.remote_field.model) for each in links)
