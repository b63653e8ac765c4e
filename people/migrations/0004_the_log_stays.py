"""Entries of the activity log are only ever added; each is sealed once and never touched again.

The owner of the database can take the triggers off. That is what the chain is for: see
``people.rules.seal`` and ``manage.py verify_audit``.
"""

from django.db import migrations

KEEP = """
CREATE FUNCTION people_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.position IS NULL AND NEW.position IS NOT NULL
           AND to_jsonb(OLD) - 'position' - 'hash' = to_jsonb(NEW) - 'position' - 'hash' THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'entries of the activity log are only ever added'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER activity_entry_is_final BEFORE UPDATE OR DELETE ON people_activityentry
    FOR EACH ROW EXECUTE FUNCTION people_refuse_change();
CREATE TRIGGER activity_log_stays BEFORE TRUNCATE ON people_activityentry
    FOR EACH STATEMENT EXECUTE FUNCTION people_refuse_change();
"""
LET_GO = """
DROP TRIGGER activity_log_stays ON people_activityentry;
DROP TRIGGER activity_entry_is_final ON people_activityentry;
DROP FUNCTION people_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("people", "0003_audit_and_team")]
    operations = [migrations.RunSQL(KEEP, LET_GO)]
