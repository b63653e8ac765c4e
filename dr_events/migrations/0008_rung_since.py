"""How long a ring has not been heard, however often it was rung again."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0007_replaced")]

    operations = [
        migrations.AddField(
            "rung",
            "since",
            models.DateTimeField(db_default=Now(), help_text="Real time it was rung first."),
        )
    ]
