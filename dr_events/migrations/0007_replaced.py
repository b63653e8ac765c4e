from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("dr_events", "0006_event_groups"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dispatch",
            name="reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", ""),
                    ("OPTED_OUT", "The homeowner opted out of this event"),
                    ("PAUSED", "Enrollment is paused"),
                    ("WITHDRAWN", "The home left the program"),
                    ("REPLACED", "The wall control was replaced"),
                    ("NO_PERMISSION", "Permission at Carrier is lost"),
                    ("OVERLAP", "Another event covers this time"),
                    ("DAY_CAP", "Most events a day reached"),
                    ("WEEK_CAP", "Most events a week reached"),
                    ("SEASON_CAP", "Most events a season reached"),
                    ("REST", "Not enough rest since the last event"),
                    ("LIMITS", "Outside the program's limits as they are now"),
                    ("CONTROL_GROUP", "Held out for comparison"),
                    ("TOO_LATE", "Too little of the event was left"),
                    ("EVENT_CANCELLED", "The event was cancelled"),
                ],
                max_length=20,
            ),
        ),
    ]
