"""What the list of systems is searched by, three letters at a time."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

# The expressions are those Django writes for icontains.
INDEXES = """
CREATE INDEX systems_by_letters ON enrollments_system
    USING gin (upper(serial::text) gin_trgm_ops, upper(name::text) gin_trgm_ops);
CREATE INDEX people_by_letters ON people_user USING gin (upper(email::text) gin_trgm_ops);
CREATE INDEX places_by_letters ON enrollments_location
    USING gin (upper(city::text) gin_trgm_ops);
CREATE INDEX places_by_postal ON enrollments_location (postal text_pattern_ops);
"""
GONE = "DROP INDEX systems_by_letters, people_by_letters, places_by_letters, places_by_postal"


class Migration(migrations.Migration):
    dependencies = [
        ("dr_events", "0008_rung_since"),
        ("enrollments", "0006_my_data"),
        ("people", "0004_the_log_stays"),
    ]

    operations = [TrigramExtension(), migrations.RunSQL(INDEXES, GONE)]
