import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enrollments", "0005_replacements"),
        ("people", "0004_the_log_stays"),
    ]

    operations = [
        migrations.CreateModel(
            name="CalendarFeed",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="calendar_feed",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("made_at", models.DateTimeField(help_text="Business time.")),
            ],
        ),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ENROLLED", "Enrolled"),
                    ("PERMISSION_LOST", "Permission lost"),
                    ("WITHDRAWN", "Left the program"),
                    ("ANNOUNCED", "Event announced"),
                    ("CANCELLED", "Event called off"),
                    ("OVER", "What happened"),
                    ("ACTION_NEEDED", "Please check your account"),
                    ("APPROVED", "Account matched"),
                    ("REJECTED", "Application rejected"),
                    ("ERASED", "Your data is deleted"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="noticeround",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ENROLLED", "Enrolled"),
                    ("PERMISSION_LOST", "Permission lost"),
                    ("WITHDRAWN", "Left the program"),
                    ("ANNOUNCED", "Event announced"),
                    ("CANCELLED", "Event called off"),
                    ("OVER", "What happened"),
                    ("ACTION_NEEDED", "Please check your account"),
                    ("APPROVED", "Account matched"),
                    ("REJECTED", "Application rejected"),
                    ("ERASED", "Your data is deleted"),
                ],
                max_length=20,
            ),
        ),
    ]
