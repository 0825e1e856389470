"""The admin: one site for operators and tenants (`site`), a module for each noun."""

from accounts.admin import (
    api_keys,
    api_requests,
    audit,
    credentials,
    departures,
    memberships,
    rotations,
    tenants,
    users,
)

__all__ = [
    "api_keys",
    "api_requests",
    "audit",
    "credentials",
    "departures",
    "memberships",
    "rotations",
    "tenants",
    "users",
]
