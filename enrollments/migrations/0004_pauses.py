from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("enrollments", "0003_customers")]
    operations = [
        migrations.AddField(
            model_name="enrollment",
            name="paused_from",
            field=models.DateTimeField(help_text="Business time.", null=True),
        ),
        migrations.AddField(
            model_name="enrollment",
            name="paused_until",
            field=models.DateTimeField(help_text="Business time.", null=True),
        ),
        migrations.AddConstraint(
            model_name="enrollment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("paused_from", None),
                    ("paused_until", None),
                    ("paused_until__gt", models.F("paused_from")),
                    _connector="OR",
                ),
                name="pause_has_length",
            ),
        ),
        migrations.AddIndex(
            model_name="enrollment",
            index=models.Index(
                condition=models.Q(("paused_from__isnull", False)),
                fields=["id"],
                name="enrollments_with_pause",
            ),
        ),
    ]
