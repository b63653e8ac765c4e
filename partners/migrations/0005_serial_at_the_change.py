"""A change of an enrollment says which wall control it was about when it happened: a home that is
erased leaves its programs first and loses its number in the same transaction, before anybody is
told."""

from django.db import migrations, models

NOTE = """
CREATE OR REPLACE FUNCTION partners_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    number text := '';
BEGIN
    IF EXISTS (SELECT FROM partners_webhook) THEN
        IF TG_ARGV[0] = 'enrollment' THEN
            SELECT serial INTO number FROM enrollments_system WHERE id = NEW.system_id;
        END IF;
        INSERT INTO partners_change (kind, subject_id, state, at, serial)
        VALUES (TG_ARGV[0], NEW.id, NEW.state, clock_timestamp(), coalesce(number, ''));
    END IF;
    RETURN NULL;
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION partners_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM partners_webhook) THEN
        INSERT INTO partners_change (kind, subject_id, state, at)
        VALUES (TG_ARGV[0], NEW.id, NEW.state, clock_timestamp());
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0004_webhooks_by_api")]
    operations = [
        migrations.AddField(
            "change",
            "serial",
            models.CharField(
                max_length=32,
                blank=True,
                default="",
                db_default="",
                help_text="Of the enrollment's system, then.",
            ),
        ),
        migrations.RunSQL(NOTE, BEFORE),
    ]
