"""A kept answer comes again with the ETag it had."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0005_serial_at_the_change")]
    operations = [
        migrations.AddField(
            "keptanswer",
            "etag",
            models.CharField(max_length=40, blank=True, default="", db_default=""),
        ),
    ]
