"""Changes are noted by the database itself, in the transaction that makes them: no operation below
has to know that webhooks exist, and none can forget to tell. Quotas need no journal."""

from django.db import migrations

NOTE = """
CREATE FUNCTION partners_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM partners_webhook) THEN
        INSERT INTO partners_change (kind, subject_id, state, at)
        VALUES (TG_ARGV[0], NEW.id, NEW.state, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;

-- A new draft is nobody's business; one that is sent back (an update) is its planner's.
CREATE TRIGGER partners_event_made AFTER INSERT ON dr_events_event
    FOR EACH ROW WHEN (NEW.state <> 'DRAFT') EXECUTE FUNCTION partners_note_change('event');
CREATE TRIGGER partners_event_moved AFTER UPDATE OF state ON dr_events_event
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION partners_note_change('event');
CREATE TRIGGER partners_enrollment_made AFTER INSERT ON enrollments_enrollment
    FOR EACH ROW EXECUTE FUNCTION partners_note_change('enrollment');
CREATE TRIGGER partners_enrollment_moved AFTER UPDATE OF state ON enrollments_enrollment
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state)
    EXECUTE FUNCTION partners_note_change('enrollment');
"""
UNDO = """
DROP TRIGGER partners_event_made ON dr_events_event;
DROP TRIGGER partners_event_moved ON dr_events_event;
DROP TRIGGER partners_enrollment_made ON enrollments_enrollment;
DROP TRIGGER partners_enrollment_moved ON enrollments_enrollment;
DROP FUNCTION partners_note_change();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("partners", "0001_initial"),
        ("dr_events", "0001_initial"),
        ("enrollments", "0001_initial"),
    ]
    operations = [
        migrations.RunSQL(NOTE, UNDO),
        migrations.RunSQL(
            "ALTER TABLE partners_quota SET UNLOGGED", "ALTER TABLE partners_quota SET LOGGED"
        ),
    ]
