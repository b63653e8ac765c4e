"""A no can be taken back while the event is not sent: its row stays and says when that was."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0010_price_and_test")]

    operations = [
        migrations.AddField(
            "optout",
            "undone_at",
            models.DateTimeField(null=True, help_text="Business time the home said yes again."),
        )
    ]
