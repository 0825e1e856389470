"""The one admin site, for platform operators and for people of a tenant alike.

Whether somebody may enter stands in `accounts.roles`; `is_staff` is for operators only. A model
is shown through a TenantAdmin or not at all: the admins that Django and installed apps bring
know no tenants.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from csp.decorators import csp_update
from django.contrib.admin.options import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from accounts.admin.acts import delete_chosen
from accounts.admin.base import TenantAdmin
from accounts.admin.visitors import is_operator, may
from accounts.failover.alarm import Alarm, alarm_for
from accounts.models import Credential
from accounts.roles import Permission

View = Callable[..., HttpResponse]

# unfold's pages are made by Alpine, which evaluates attributes and sets styles. Nothing inside
# the admin comes from another host, and nothing outside it gets these.
RELAXED = {
    "script-src": ["'self'", "'unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
}
_relaxed: Callable[[View], View] = csp_update(RELAXED)  # type: ignore[assignment]
# `view_on_site` finds rows by any content type; passwords are changed on one's own account page.
_DROPPED_ROUTES = frozenset({"view_on_site", "password_change", "password_change_done"})
MOST_RESULTS = 50


class ParleyAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    index_title = "Home"

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and may(request, Permission.ENTER_ADMIN)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """What every page has: also what fails of the tenant's credentials."""
        context: dict[str, Any] = super().each_context(request)
        alarm = alarm_on(request)
        if alarm is not None and may(request, Permission.MANAGE_CREDENTIALS):
            page = "admin:accounts_credential_change"
            context["credential_alarm_link"] = reverse(page, args=(alarm.credential.pk,))
        return context | {"credential_alarm": alarm}

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: "type[ModelAdmin[Any]] | None" = None,
        **options: Any,
    ) -> None:
        """Register a TenantAdmin; any other admin is left out in silence."""
        if admin_class is not None and issubclass(admin_class, TenantAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def unregister(self, model_or_iterable: type[Model] | Iterable[type[Model]]) -> None:
        """Unregister what is registered: an app may take back what was never let in."""
        models = [model_or_iterable] if isinstance(model_or_iterable, type) else model_or_iterable
        super().unregister([model for model in models if self.is_registered(model)])

    def get_urls(self) -> list[URLPattern | URLResolver]:
        urls: list[URLPattern | URLResolver] = super().get_urls()
        return [url for url in urls if getattr(url, "name", None) not in _DROPPED_ROUTES]

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Django's wrapper; inside it, what the visitor must not know of is a 404."""
        return _relaxed(super().admin_view(_reachable(view), cacheable))

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return _relaxed(super().login)(request, extra_context)

    def search(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The models that have the words in their name. unfold's own answer stays in a cache
        that knows the user and not her tenant."""
        term = request.GET.get("s", "").strip().lower()
        if not term:
            return HttpResponse()
        found = self._search_apps(self.get_app_list(request), term)
        page = Paginator(found, MOST_RESULTS).page(1)
        template = "command" if "extended" in request.GET else "search"
        context = {"page_obj": page.paginator, "results": page, "page_counter": 0}
        return TemplateResponse(request, f"unfold/helpers/{template}_results.html", context)


def alarm_on(request: HttpRequest) -> Alarm | None:
    """What fails of the visitor's own tenant; operators see it in the list of tenants."""
    if is_operator(request) or not may(request, Permission.ENTER_ADMIN):
        return None
    return alarm_for(list(Credential.objects.defer("verification")), timezone.now())


def _reachable(view: View) -> View:
    admin = getattr(view, "__self__", None)
    if not isinstance(admin, TenantAdmin):
        return view

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        admin.check_reachable(request, kwargs.get("object_id") or kwargs.get("id"))
        return view(request, *args, **kwargs)

    return guarded


_site = ParleyAdminSite()
_site.add_action(delete_chosen, "delete_selected")


def the_site() -> ParleyAdminSite:
    """The site that `django.contrib.admin.site` stands for; see `config.apps`. Always the same
    one: the admin modules are imported while Django asks for it."""
    return _site
