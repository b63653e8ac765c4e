import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enrollments", "0004_pauses"),
    ]

    operations = [
        migrations.AddField(
            model_name="enrollment",
            name="ended_because",
            field=models.CharField(
                blank=True,
                choices=[("", ""), ("REPLACED", "The wall control was replaced")],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.CreateModel(
            name="Replacement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "Was the wall control replaced?"),
                            ("CONFIRMED", "Replaced"),
                            ("DENIED", "Not a replacement"),
                            ("MOOT", "The old one is back"),
                        ],
                        default="OPEN",
                        max_length=10,
                    ),
                ),
                ("seen_at", models.DateTimeField(help_text="Business time.")),
                (
                    "enrollment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="replacements",
                        to="enrollments.enrollment",
                    ),
                ),
                (
                    "system",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaces",
                        to="enrollments.system",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("enrollment", "system"), name="asked_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "OPEN")),
                        fields=("enrollment",),
                        name="one_open_question_per_enrollment",
                    ),
                ],
            },
        ),
    ]
