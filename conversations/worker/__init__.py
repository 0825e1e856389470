"""Hosts many upstream sessions in one process."""

from conversations.worker.worker import DRAIN_S, Worker, WorkerOptions

__all__ = ["DRAIN_S", "Worker", "WorkerOptions"]
