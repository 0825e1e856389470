"""The pages about the API: for people who write programs."""

from __future__ import annotations

import re
from typing import Any, Final

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularRedocView

from accounts.api.codes import Code
from conversations.api.codes import in_order

_QUOTED: Final = re.compile(r"`([^`]*)`")

# Redoc writes its styles while it runs. It stays on this page, which shows nothing of anybody's.
STYLES: Final = {"style-src": ["'self'", "'unsafe-inline'"]}


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Where each problem's `type` leads."""
    codes = [shown(code, row) for code, row in in_order()]
    return render(request, "conversations/api_errors.html", {"codes": codes})


def shown(code: str, row: Code) -> dict[str, Any]:
    """A row as the page shows it."""
    return {
        "code": code,
        "status": row.status,
        "title": row.title,
        "meaning": with_code(row.meaning),
        "fix": with_code(row.fix),
    }


def with_code(text: str) -> SafeString:
    """What stands between backticks is code, as in the page that is drawn for readers of files."""
    forms = ("{}", "<code>{}</code>")
    parts = enumerate(_QUOTED.split(text))
    return format_html_join("", "{}", ((format_html(forms[n % 2], part),) for n, part in parts))


@method_decorator(csp_update(STYLES), name="dispatch")
class Redoc(SpectacularRedocView):
    url_name = "api-schema"
    template_name = "conversations/api_redoc.html"
    title: Any = "Parley API"
