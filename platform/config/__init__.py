"""The Django project. The Celery app is loaded with it, so that every task finds it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
