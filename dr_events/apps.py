from django.apps import AppConfig


class DrEventsConfig(AppConfig):
    name = "dr_events"
    default_auto_field = "django.db.models.BigAutoField"
