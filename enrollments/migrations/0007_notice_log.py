from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enrollments", "0006_my_data"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
                    ("TEST", "Test message"),
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
                    ("TEST", "Test message"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["-made_at", "-id"], name="notices_by_time"),
        ),
    ]
