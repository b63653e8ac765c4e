"""What a program asks a home before it joins, and what was answered."""

from django.conf import settings
from django.db import models

from enrollments.models.programs import Program


class Question(models.Model):
    """A question with yes or no. Never edited: a change is a new version of the same key, and
    answers to the old text do not count for the new one."""

    program = models.ForeignKey(Program, models.PROTECT, related_name="questions")
    key = models.SlugField(help_text="Stays the same over its versions, such as medical-need.")
    version = models.PositiveIntegerField(default=1)
    position = models.PositiveSmallIntegerField(default=0)
    text = models.TextField()
    fitting = models.BooleanField(
        null=True,
        help_text="The answer a home needs to join: yes or no. Empty: asked for the record only.",
    )
    remedy = models.TextField(
        blank=True, help_text="Why the other answer does not fit, and what the home can do."
    )
    is_asked = models.BooleanField(default=True, help_text="No: this key is not asked any more.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["program", "key", "version"], name="one_question_per_version"
            )
        ]


class Answer(models.Model):
    """What somebody answered to which text, when and from where. Only ever added to;
    the network address alone is emptied when the person has their data deleted."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="answers")
    question = models.ForeignKey(Question, models.PROTECT)
    said = models.BooleanField(help_text="Yes or no.")
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)

    class Meta:
        indexes = [models.Index(fields=["user", "question", "at"], name="answers_by_user")]
