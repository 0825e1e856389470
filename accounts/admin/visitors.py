"""Who is in the admin: a platform operator, or a person of one tenant with a role.

The scope decides, and nothing else: `accounts.middleware` has entered it before any view.
"""

from django.http import HttpRequest

from accounts.callers import Caller
from accounts.roles import Permission
from accounts.tenancy import PlatformScope, current_scope


def is_operator(request: HttpRequest) -> bool:
    """Whether every tenant's rows are open to the request."""
    return isinstance(current_scope(), PlatformScope) and request.user.is_active


def may(request: HttpRequest, permission: Permission | None) -> bool:
    """Whether the visitor may do something. `None` stands for what only operators may."""
    if is_operator(request):
        return True
    caller = caller_of(request)
    return permission is not None and caller is not None and caller.may(permission)


def caller_of(request: HttpRequest) -> Caller | None:
    """The person of a tenant behind the request; None for an operator, and for nobody."""
    caller: Caller | None = getattr(request, "caller", None)
    return caller


def actor_of(request: HttpRequest) -> str:
    """The visitor as the audit table names her."""
    return f"user:{request.user.pk}"
