from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0004_tallies")]
    operations = [
        migrations.CreateModel(
            name="Rung",
            fields=[
                (
                    "name",
                    models.CharField(max_length=200, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField(help_text="Real time.")),
            ],
        ),
    ]
