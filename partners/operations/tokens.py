"""Access tokens that are over. The identity provider makes a row of each and removes none."""

from datetime import datetime, timedelta

from allauth.idp.oidc.models import Token

# Longer than two machines' clocks may differ: an ended token is refused by its time, not by this.
KEEP = timedelta(days=1)


def forget_old(*, real_now: datetime) -> int:
    """Tokens that ended a day ago and earlier; how many went."""
    return Token.objects.filter(expires_at__lt=real_now - KEEP).delete()[0]
