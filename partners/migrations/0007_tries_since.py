"""After a replay the waits begin anew; the tries of before stay in the log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0006_kept_etag")]
    operations = [
        migrations.AddField(
            "post",
            "tries_since",
            models.PositiveSmallIntegerField(
                default=0, db_default=0, help_text="Of these, since it was asked for again."
            ),
        ),
        # What is on its way has waited by all its tries so far.
        migrations.RunSQL(
            "UPDATE partners_post SET tries_since = tries WHERE state = 'WAITING'",
            migrations.RunSQL.noop,
        ),
    ]
