"""The project's own parts as a Django app, so that its management commands are found."""

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Settings, URLs, processes, backup."""

    name = "config"

    def ready(self) -> None:
        """Make the Celery application the one that `shared_task` binds to, in every process."""
        import config.celery  # noqa: F401 registers the Celery application
