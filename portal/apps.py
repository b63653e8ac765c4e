from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Whoever rings (``manage.py sweep``, a shell) rings on our broker, not on the default one
        of a Celery that nobody configured."""
        from portal import celery  # noqa: F401 - needs the settings
