"""What Celery's beat does, and when."""

from typing import Any

from celery.schedules import crontab

ENTRIES: dict[str, dict[str, Any]] = {
    "seal-audit-entries": {
        "task": "accounts.tasks.seal_audit_entries",
        "schedule": 60.0,
    },
    "reseal-stragglers": {
        "task": "accounts.resealing.reseal_stragglers",
        "schedule": crontab(hour=3, minute=17),
    },
    # One that waits longer than until the next one is of no use.
    "advance-rotations": {
        "task": "accounts.tasks.advance_rotations",
        "schedule": 10.0,
        "options": {"expires": 10.0},
    },
    "bring-credentials-back": {
        "task": "accounts.tasks.bring_credentials_back",
        "schedule": 15.0,
        "options": {"expires": 15.0},
    },
    "sweep-archives": {
        "task": "accounts.leaving.archives.sweep_archives",
        "schedule": 30.0,
    },
    "sweep-departures": {
        "task": "accounts.leaving.erasure.sweep_departures",
        "schedule": 30.0,
    },
    "forget-old-requests": {
        "task": "accounts.api.keeping.forget_old_requests",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "close-abandoned-conversations": {
        "task": "conversations.tasks.close_abandoned_conversations",
        "schedule": 30.0,
    },
    # A server that does not answer takes its time-out, so the next round may find this one.
    "refresh-tool-lists": {
        "task": "conversations.tools.refreshing.refresh_tool_lists",
        "schedule": 300.0,
        "options": {"expires": 300.0},
    },
    "sweep-exports": {
        "task": "conversations.exports.sweeping.sweep_exports",
        "schedule": 30.0,
    },
    "ask-for-due-exports": {
        "task": "conversations.exports.schedules.ask_for_due_exports",
        "schedule": 60.0,
    },
    "sweep-export-files": {
        "task": "conversations.exports.sweeping.sweep_export_files",
        "schedule": crontab(hour=4, minute=41),
    },
    # What the hints after each commit have missed, and what is tried again.
    "deliver-webhooks": {
        "task": "conversations.webhooks.delivering.deliver_webhooks",
        "schedule": 5.0,
        "options": {"expires": 5.0},
    },
    "forget-old-webhooks": {
        "task": "conversations.webhooks.keeping.forget_old_webhooks",
        "schedule": crontab(hour=4, minute=53),
    },
    "forget-old-tokens": {
        "task": "conversations.access_tokens.forget_old_tokens",
        "schedule": crontab(hour=4, minute=7),
    },
    # Each round takes some of what is left, so one that waits longer is of no use.
    "erase-what-is-due": {
        "task": "conversations.retention.due.erase_what_is_due",
        "schedule": 600.0,
        "options": {"expires": 600.0},
    },
    "sweep-erasures": {
        "task": "conversations.retention.people.sweep_erasures",
        "schedule": 30.0,
    },
    "delete-old-recordings": {
        "task": "conversations.recordings.deleting.delete_old_recordings",
        "schedule": 3600.0,
    },
    "sweep-recordings": {
        "task": "conversations.recordings.deleting.sweep_recordings",
        "schedule": crontab(hour=4, minute=23),
    },
}
