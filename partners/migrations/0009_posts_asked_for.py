from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("partners", "0008_suspended_clients")]

    operations = [
        migrations.AddField(
            model_name="post",
            name="asked_at",
            field=models.DateTimeField(help_text="Real time; null when it was tried.", null=True),
        ),
    ]
