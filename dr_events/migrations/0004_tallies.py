"""Figures of events that do not change any more, counted once; how a program thanks its homes."""

import django.db.models.deletion
from django.db import migrations, models

INDEXES = """
-- For pages only. An opt-out moves its row once; no other update changes opted_out_at, so updates
-- while sending stay on their page (HOT, see models.Dispatch).
CREATE INDEX dispatch_opt_outs ON dr_events_dispatch (event_id, opted_out_at)
    WHERE opted_out_at IS NOT NULL;
-- Permissions are wide rows: pages and plans find what they need of them here.
CREATE INDEX grants_connected ON enrollments_carriergrant (user_id) WHERE state <> 'REVOKED';
CREATE INDEX grants_ended ON enrollments_carriergrant (state, id) WHERE state <> 'ACTIVE';
CREATE INDEX systems_offline ON enrollments_system (reported_at, id)
    WHERE NOT is_online AND read_at IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0003_pace"), ("enrollments", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="KeptTally",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="dr_events.event",
                    ),
                ),
                ("counted_at", models.DateTimeField(help_text="Real time.")),
                ("is_final", models.BooleanField()),
                ("counts", models.JSONField()),
            ],
            options={"db_table": "dr_events_tally"},
        ),
        migrations.CreateModel(
            name="Credit",
            fields=[
                (
                    "program",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="enrollments.program",
                    ),
                ),
                ("basis", models.CharField(max_length=10)),
                ("threshold", models.PositiveSmallIntegerField()),
                ("season_cents", models.PositiveIntegerField()),
                ("event_cents", models.PositiveIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("basis__in", ["EVENTS", "HOURS"])), name="credit_basis"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("threshold__lte", 100)), name="credit_in_percent"
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            INDEXES,
            "DROP INDEX dispatch_opt_outs, grants_connected, grants_ended, systems_offline",
        ),
    ]
