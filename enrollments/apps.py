from django.apps import AppConfig


class EnrollmentsConfig(AppConfig):
    name = "enrollments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from enrollments.states import Acts, ApplicationState, BulkVerb, Holdup
        from people.queries.facts import known

        known("move-application", state=ApplicationState, who=Acts, why=Holdup)
        known("act-for-many", act=BulkVerb)
