"""Clients for practice and their runs. The practice world itself is made after the last migration
(partners.apps), from the tables as they are then."""

import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0002_changes")]
    operations = [
        migrations.AddField(
            "partnerclient", "is_practice", models.BooleanField(default=False, editable=False)
        ),
        migrations.CreateModel(
            name="PracticeRun",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid.uuid4, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("client_id", models.CharField(max_length=100)),
                (
                    "scenario",
                    models.CharField(
                        choices=[
                            ("all-accept", "Every home takes part"),
                            ("30-percent-opt-out", "Three homes in ten say no during the event"),
                            (
                                "carrier-slow",
                                "Answers are late or lost; in the end every home has it",
                            ),
                            ("carrier-down", "Carrier does not answer until it is too late"),
                            ("cancelled-midway", "Cancelled when half of the homes have it"),
                        ],
                        max_length=20,
                    ),
                ),
                ("event_id", models.BigIntegerField(unique=True)),
                ("wire_id", models.CharField(max_length=64)),
                ("began_at", models.DateTimeField(help_text="Real time.")),
                (
                    "lasts_s",
                    models.PositiveSmallIntegerField(
                        help_text="Real seconds from the first step to the last."
                    ),
                ),
                (
                    "homes",
                    models.PositiveSmallIntegerField(help_text="That were to get the event."),
                ),
                ("over_at", models.DateTimeField(help_text="Real time.", null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["client_id", "-began_at"], name="practice_runs_by_client")
                ],
            },
        ),
    ]
