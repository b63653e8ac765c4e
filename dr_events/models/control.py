"""May anything be sent, and does anybody hear the bell?"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Control(models.Model):
    """One row: may anything be sent at all? (queries.work.HELD)

    ``UPDATE dr_events_control SET stopped = true`` is the emergency stop; pages, a command and
    this line all do the same.
    """

    stopped = models.BooleanField(default=False)
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=120, blank=True)
    why = models.CharField(max_length=200, blank=True)
    # The circuit to Carrier: open from here on, until somebody has looked and closes it.
    broken_at = models.DateTimeField(null=True)
    broken_why = models.CharField(max_length=200, blank=True)
    mended_at = models.DateTimeField(null=True, help_text="Real time; counted from here.")
    # This database is older than one a worker knew (dispatch.witness), until somebody releases.
    restored_at = models.DateTimeField(null=True)
    restored_why = models.CharField(max_length=200, blank=True)
    heartbeat = models.BigIntegerField(default=0)
    # Real time a home's list last showed one of our events: only then is "not listed" a proof.
    listed_at = models.DateTimeField(null=True)
    swept_at = models.DateTimeField(null=True, help_text="Real time somebody last swept.")
    broker_lost_at = models.DateTimeField(
        null=True, help_text="Real time since which the broker does not answer."
    )

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="only_one_control_row")]


class Pause(models.Model):
    """Carrier said "not now" (429): nothing is sent with this permission before ``until``.

    Grant 0 stands for all of them. A table of its own: the grant's row is locked while its token
    is renewed, and a wave must not wait for that.
    """

    grant_id = models.BigIntegerField(primary_key=True)
    until = models.DateTimeField(help_text="Real time.")


class Rung(models.Model):
    """A ring that was sent and not heard yet (operations.ringing)."""

    name = models.CharField(max_length=200, primary_key=True)
    at = models.DateTimeField(help_text="Real time.")
    since = models.DateTimeField(db_default=Now(), help_text="Real time it was rung first.")
