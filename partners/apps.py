from django.apps import AppConfig


class PartnersConfig(AppConfig):
    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.idp.oidc.models import Client

        from dr_events import tasks
        from partners.operations.clients import check_secret
        from partners.tasks import due

        # A client may hold two secrets while its owner changes from one to the other; the
        # provider has no hook for that.
        Client.check_secret = check_secret
        tasks.others_due.append(due)
