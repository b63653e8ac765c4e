"""What homeowners agree to, word by word, and the ledger of who did and who took it back."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from enrollments.models.homes import System
from enrollments.models.programs import Program
from enrollments.states import ConsentAct


class Terms(models.Model):
    """The exact text a homeowner agrees to. Never edited: a change is a new version."""

    program = models.ForeignKey(Program, models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    text = models.TextField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["program", "version"], name="one_text_per_version")
        ]


class Consent(models.Model):
    """The ledger: one row per act, only ever added to; the network address alone is emptied when
    the person has their data deleted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="consents")
    terms = models.ForeignKey(Terms, models.PROTECT)
    act = models.CharField(max_length=10, choices=ConsentAct)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    system = models.ForeignKey(System, models.PROTECT, null=True, related_name="consents")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    # Rows of Answer, which are only ever added to, each with the text that was asked.
    answers = ArrayField(
        models.BigIntegerField(),
        default=list,
        db_default=[],
        help_text="Ids of the answers it rested on when it was given.",
    )

    class Meta:
        indexes = [models.Index(fields=["user", "at"], name="consents_by_user")]
