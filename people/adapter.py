"""What allauth asks us about accounts."""

import secrets

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.hashers import make_password


class AccountAdapter(DefaultAccountAdapter):
    def send_account_already_exists_mail(self, email: str) -> None:
        """Somebody signs up with an address that has an account: its owner is told by mail, the
        visitor nothing. Hashing a new account's password takes its time; that must not be missing
        here, or a stopwatch would tell who has an account."""
        make_password(secrets.token_urlsafe())
        super().send_account_already_exists_mail(email)
