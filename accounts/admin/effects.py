"""What a destructive act would end, told before it is done.

`accounts` does not know conversations; who does adds its sentence here.
"""

from collections.abc import Callable

from accounts.models import Tenant

Effect = Callable[[Tenant], str]

_of_suspension: list[Effect] = []


def tell_of_suspension(effect: Effect) -> Effect:
    """Decorator: `effect` returns a sentence on what suspending the tenant would end."""
    _of_suspension.append(effect)
    return effect


def effects_of_suspension(tenant: Tenant) -> list[str]:
    """The sentences, each about the tenant. Run in the platform scope."""
    return [effect(tenant) for effect in _of_suspension]
