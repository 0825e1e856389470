"""Hosts many upstream sessions in one process."""

from conversations.worker.worker import Worker, WorkerOptions

__all__ = ["Worker", "WorkerOptions"]
