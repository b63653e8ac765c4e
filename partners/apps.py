from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS


class PartnersConfig(AppConfig):
    name = "partners"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.idp.oidc.models import Client
        from django.db.models.signals import post_migrate

        from dr_events import tasks
        from partners.operations.client_secrets import check_secret
        from partners.tasks import due

        # A client may hold two secrets while its owner changes from one to the other; the
        # provider has no hook for that.
        Client.check_secret = check_secret
        tasks.others_due.append(due)
        post_migrate.connect(follow_the_tables, sender=self)


def follow_the_tables(*, plan: Any = (), using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Tables changed, or the practice world is not there: it is built anew. ``plan`` is empty when
    nothing was migrated; going back to before there was a practice world leaves it alone."""
    from django.db import connections

    from partners.operations import world

    is_due = plan or not world.is_there()
    known = connections[using].introspection.table_names() if is_due else []
    if set(world.tables()) <= set(known):
        world.build()
