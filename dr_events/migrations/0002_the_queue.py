"""What makes the dispatch table a queue, and the one control row."""

from django.db import migrations

QUEUE = """
-- Rows are updated three times while an event is sent. Half-empty pages keep the new version on
-- the same page (HOT): no index is touched, a quarter of the cost is saved.
ALTER TABLE dr_events_dispatch SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
-- Claim numbers: the fence and the key of the sender's session lock.
CREATE SEQUENCE dr_events_claim;
-- Always there, so that the emergency stop is one UPDATE from any SQL prompt.
INSERT INTO dr_events_control (id, stopped, stopped_by, why, broken_why, restored_why, heartbeat)
VALUES (1, false, '', '', '', '', 0);
"""


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0001_initial")]
    operations = [
        migrations.RunSQL(
            QUEUE,
            "DELETE FROM dr_events_control; DROP SEQUENCE dr_events_claim;"
            "ALTER TABLE dr_events_dispatch RESET (fillfactor, autovacuum_vacuum_scale_factor)",
        )
    ]
