"""Acts that end something: what they end is told before, and it takes a word to do them.

One way for the pages of the admin and of the site: who has logged in longer ago than
`ACCOUNT_REAUTHENTICATION_TIMEOUT` says again who she is; then she reads the effects, and types
the name of what it is about.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

# The fields of a form that answers a Question.
CONFIRMED, TYPED = "confirmed", "typed"


Effect = Callable[[Any], str]
_effects: dict[type[Model], list[Effect]] = {}


def tell_of(model: type[Model]) -> Callable[[Effect], Effect]:
    """Decorator: the function returns a sentence on what ends with a row of the model. `accounts`
    does not know conversations; who does adds its sentences so."""

    def add(effect: Effect) -> Effect:
        _effects.setdefault(model, []).append(effect)
        return effect

    return add


def effects_on(rows: Iterable[Model]) -> list[str]:
    """The sentences about each row. Run in a scope that holds the rows' tenants."""
    return [effect(row) for row in rows for effect in _effects.get(type(row), ())]


@dataclass(frozen=True, slots=True)
class Question:
    """Asked before an act. `word` has to be typed; "" where a click is enough. `refusal` says
    why the last answer was none."""

    title: str
    effects: Sequence[str]
    word: str = ""
    refusal: str = ""


def ask(
    request: HttpRequest, title: str, effects: Iterable[str], *, word: str = ""
) -> Question | None:
    """The question to show; None once it was answered, with the word where one is asked for."""
    refusal = ""
    if request.method == "POST" and request.POST.get(CONFIRMED) == "yes":
        if not word or _plain(request.POST.get(TYPED, "")) == _plain(word):
            return None
        refusal = f"Nothing was done. Type “{word}” to do it."
    return Question(title, list(effects), word, refusal)


def log_in_again(request: HttpRequest, back: str) -> HttpResponse | None:
    """Where to say again who one is, and come `back` from; None for who has done so lately."""
    if not is_reauthentication_required(request, app="account"):
        return None
    messages.info(request, "You logged in a while ago: confirm that it is you, then go on.")
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': back})}")


def word_for(rows: Sequence[Any]) -> str:
    """What is typed to act on rows of one model: the name of one, or how many there are."""
    if len(rows) == 1:
        return name_of(rows[0])
    return f"{len(rows)} {rows[0]._meta.verbose_name_plural}" if rows else ""


def name_of(row: Model) -> str:
    """What people call the row: its name, or the address of the person it is about."""
    for attribute in ("name", "email"):
        if name := getattr(row, attribute, ""):
            return str(name)
    user = getattr(row, "user", None)
    return str(user.email if user is not None else row)


def counted(count: int, noun: str) -> str:
    """Such as "1 live conversation" or "14 live conversations"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
