"""Who used which share of Carrier's limits last, and from when on it may be used again."""

from django.db import migrations

PACE = """
-- A share itself is a session advisory lock (dr_events/dispatch/pace.py). A row outlives the lock:
-- holder is empty when the share was handed back in order, and free_at says when what was done
-- with it no longer counts. It is written when a share changes hands, never for a request. Not
-- UNLOGGED: after a crash requests are still in flight, and an emptied table would forget whose.
CREATE TABLE dr_events_pace (
    kind smallint NOT NULL,
    share smallint NOT NULL,
    holder bigint,
    free_at timestamptz NOT NULL,
    PRIMARY KEY (kind, share)
);
"""


class Migration(migrations.Migration):
    dependencies = [("dr_events", "0002_the_queue")]
    operations = [migrations.RunSQL(PACE, "DROP TABLE dr_events_pace")]
