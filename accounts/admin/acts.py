"""What a list's actions and a row's deletion have in common: first the question, then the act."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst

from accounts.confirmation import ask, effects_on, log_in_again, word_for


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen with the answer, as a field of the form: (value, label) of each option."""

    name: str
    label: str
    options: Sequence[tuple[str, str]]
    chosen: str = ""


# Where the session keeps the act that somebody asked for before she had to log in again.
WAITING = "act_that_waits"


class Acts:
    """Mixed into every model admin."""

    def ask_first(
        self,
        request: HttpRequest,
        rows: Iterable[Any],
        *,
        question: str,
        effects: Iterable[str],
        ends: bool = False,
    ) -> HttpResponse | None:
        """The page that tells what an act will do; None once it was answered.

        An act that `ends` something asks for more: a log-in that is not old, and the name of the
        row, or how many they are. What `effects_on` the rows says is told too.
        """
        chosen = list(rows)
        if ends and chosen and (again := self._after_log_in(request, chosen)):
            return again
        told = [*(effects_on(chosen) if ends else ()), *effects]
        asked = ask(request, question, told, word=word_for(chosen) if ends else "")
        if asked is None:
            return None
        admin: Any = self
        context = {
            **admin.admin_site.each_context(request),
            "title": question,
            "opts": admin.opts,
            "rows": chosen,
            "question": asked,
            "ends": ends,
            "action": request.POST.get("action", ""),
            "choice": self.choice_for(request.POST.get("action", "")),
            "back": _list_of(admin.opts),
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)

    def choice_for(self, action: str) -> Choice | None:
        """What the question before an action lets choose."""
        return None

    # -- After another log-in ----------------------------------------------------------------

    def _after_log_in(self, request: HttpRequest, chosen: Sequence[Model]) -> HttpResponse | None:
        again = log_in_again(request, request.path)
        action = request.POST.get("action", "")
        if again is not None and action:
            rows = [str(row.pk) for row in chosen]
            request.session[WAITING] = {"path": request.path, "action": action, "rows": rows}
        return again

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The list; or the question that waited while somebody logged in again."""
        waiting = request.session.get(WAITING)
        if request.method == "GET" and waiting and waiting["path"] == request.path:
            del request.session[WAITING]
            asked = QueryDict(mutable=True)
            asked.update({"action": waiting["action"], "index": "0"})
            asked.setlist("_selected_action", waiting["rows"])
            # Only the question is asked: whoever answers it sends a form of her own.
            request.method, request.POST = "POST", asked  # type: ignore[assignment]
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    # -- Deleting ----------------------------------------------------------------------------

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        admin: Any = self
        row = admin.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        if not admin.has_delete_permission(request, row):
            raise PermissionDenied
        asked = self.delete_after_question(request, [row])
        return asked or HttpResponseRedirect(_list_of(admin.opts))

    def delete_after_question(
        self, request: HttpRequest, rows: Sequence[Model]
    ) -> HttpResponse | None:
        """Delete the rows and say so, or ask first, or say what is in the way."""
        admin: Any = self
        _, counts, forbidden, protected = admin.get_deleted_objects(rows, request)
        if forbidden or protected:
            admin.message_user(
                request,
                "It cannot be deleted while something else that stays needs it.",
                messages.ERROR,
            )
            return None
        own = admin.opts.verbose_name_plural
        gone = [
            f"{capfirst(name)} that go too: {n:,}." for name, n in counts.items() if name != own
        ]
        asked = self.ask_first(
            request,
            rows,
            question="Delete for good?",
            effects=[*gone, "It cannot be undone."],
            ends=True,
        )
        if asked is None:
            with transaction.atomic():  # all of them, or none
                for row in rows:
                    admin.delete_model(request, row)
            admin.message_user(request, f"Deleted: {len(rows)}.", messages.SUCCESS)
        return asked


def delete_chosen(admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    """The action of every list whose rows may be deleted; Django's own asks less."""
    rows = list(queryset)
    if not all(admin.has_delete_permission(request, row) for row in rows):
        raise PermissionDenied
    asked: HttpResponse | None = admin.delete_after_question(request, rows)
    return asked


def _list_of(opts: Any) -> str:
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
