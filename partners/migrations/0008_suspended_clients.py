"""A client can be suspended: it gets no token until somebody resumes it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0007_tries_since")]
    operations = [
        migrations.AddField(
            "partnerclient",
            "suspended_at",
            models.DateTimeField(null=True, help_text="It gets no token."),
        ),
    ]
