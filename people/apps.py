from django.apps import AppConfig

# What these apps register in Django's back office would change who may do what, on no record:
# sign-in addresses, second factors, sessions, groups, partners' credentials.
SHUT = frozenset({"account", "allauth_idp_oidc", "auth", "mfa", "usersessions"})


class PeopleConfig(AppConfig):
    name = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator
        from django.contrib import admin

        from people import signals  # noqa: F401  (receivers connect themselves)
        from people.queries.facts import known
        from people.states import Role

        known("invite", "accept-invitation", "change-role", role=Role)
        known("add-second-factor", "remove-second-factor", kind=Authenticator.Type)

        # The admin app stands before this one: everything is registered by now.
        shut = [model for model in admin.site._registry if model._meta.app_label in SHUT]
        admin.site.unregister(shut)
