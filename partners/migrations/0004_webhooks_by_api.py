"""Whoever may plan events may manage its own webhooks: new clients get the scope, these too."""

from django.db import migrations

GIVE = r"""
UPDATE allauth_idp_oidc_client SET scopes = scopes || E'\noffpeak.webhooks'
WHERE 'offpeak.events' = ANY (string_to_array(scopes, E'\n'))
  AND NOT 'offpeak.webhooks' = ANY (string_to_array(scopes, E'\n'))
"""
TAKE = r"""
UPDATE allauth_idp_oidc_client
SET scopes = array_to_string(array_remove(string_to_array(scopes, E'\n'), 'offpeak.webhooks'), E'\n')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0003_practice"),
        ("allauth_idp_oidc", "0002_client_default_scopes"),
    ]
    operations = [migrations.RunSQL(GIVE, TAKE)]
