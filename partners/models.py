"""What partners leave behind: answers kept for their keys, quotas used, webhooks, posts."""

import uuid
from typing import Any, ClassVar

from allauth.idp.oidc.models import Client
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from base.moves import MoveQuerySet
from partners.states import HOOK_MOVES, POST_MOVES, Happened, HookState, PostState, Scenario


class PartnerClient(models.Model):
    """What we know of a client beside its OAuth row. All times are real time.

    A client may hold two secrets while its owner changes from one to the other: the newest is the
    OAuth row's own, the one before is here until it ends.
    """

    client = models.OneToOneField(Client, models.CASCADE, primary_key=True, related_name="partner")
    # Said once, when it is made: a client is of the practice world or of the real one.
    is_practice = models.BooleanField(default=False, editable=False)
    requests_per_minute = models.PositiveIntegerField(null=True, help_text="Null: as for all.")
    suspended_at = models.DateTimeField(null=True, help_text="It gets no token.")
    secret_made_at = models.DateTimeField(null=True)
    secret_used_at = models.DateTimeField(null=True)
    old_secret = models.CharField(max_length=200, blank=True)
    old_secret_ends_at = models.DateTimeField(null=True)
    old_secret_used_at = models.DateTimeField(null=True)


class Quota(models.Model):
    """Requests of a client in its current minute. Unlogged: a crash forgets it, which harms nobody
    and saves a flush to disk for every request (migration 0001)."""

    client_id = models.CharField(max_length=100, primary_key=True)
    began_at = models.DateTimeField(help_text="Real time; the minute runs from the first request.")
    used = models.PositiveIntegerField()


class KeptAnswer(models.Model):
    """The first answer to a POST with an Idempotency-Key. Written in the transaction of the effect:
    either both are there or neither."""

    client_id = models.CharField(max_length=100)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of address and body.")
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=300, blank=True)
    etag = models.CharField(max_length=40, blank=True, default="", db_default="")
    made_at = models.DateTimeField(help_text="Real time.", db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_id", "key"], name="one_answer_per_key")
        ]


class Webhook(models.Model):
    """An address of a partner that is told what happens in its programs. All times are real time.

    ``key_id`` names the secret that signs; the one before signs too until ``old_ends_at``.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client_id = models.CharField(max_length=100, db_index=True)
    url = models.CharField(max_length=500)
    kinds = ArrayField(models.CharField(max_length=40), default=list, help_text="Empty: all.")
    state = models.CharField(max_length=10, choices=HookState, default=HookState.ACTIVE)
    made_at = models.DateTimeField()
    secret_sealed = models.BinaryField(editable=False)
    key_id = models.CharField(max_length=20)
    old_secret_sealed = models.BinaryField(null=True, editable=False)
    old_key_id = models.CharField(max_length=20, blank=True)
    old_ends_at = models.DateTimeField(null=True)
    # A receiver in trouble is asked rarely, whichever message comes next.
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    next_try_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    paused_why = models.CharField(max_length=200, blank=True)
    # Null with a ``paused_why`` of ours: the operators are still to be mailed.
    told_at = models.DateTimeField(null=True)

    objects: ClassVar[Any] = MoveQuerySet["Webhook"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = HOOK_MOVES  # type: ignore[assignment]

    def bound_to(self, key_id: str) -> str:
        """Associated data of a sealed secret."""
        return f"webhook:{self.pk}:{key_id}"

    def sealed(self) -> dict[str, bytes]:
        """Sealed secrets by key id, newest first; the old one also when it has ended."""
        found = {self.key_id: bytes(self.secret_sealed)}
        if self.old_secret_sealed:
            found[self.old_key_id] = bytes(self.old_secret_sealed)
        return found


class Change(models.Model):
    """A state that changed, written by a trigger in the transaction of the change (migration 0005)
    and gone once it stands in the posts of every webhook that asked for it."""

    kind = models.CharField(max_length=12)  # event, enrollment
    subject_id = models.BigIntegerField()
    state = models.CharField(max_length=20)
    at = models.DateTimeField(help_text="Real time.")
    # A home that is erased leaves first and loses its number in the same transaction.
    serial = models.CharField(
        max_length=32,
        blank=True,
        default="",
        db_default="",
        help_text="Of the enrollment's system, then.",
    )


class Post(models.Model):
    """One message to one webhook: the queue and the log. ``body`` is what is signed, byte for byte.

    Of two about the same thing the one with the larger ``sequence`` is the later one: the number
    was taken while the row that changed was locked.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="posts", db_index=False)
    sequence = models.BigIntegerField()
    kind = models.CharField(max_length=40, choices=Happened)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=PostState, default=PostState.WAITING)
    made_at = models.DateTimeField(help_text="Real time.", db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)
    tries_since = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Of these, since it was asked for again."
    )
    # The first try since it was made or asked for again: hours are counted from here.
    tried_since = models.DateTimeField(null=True, help_text="Real time.")
    next_try_at = models.DateTimeField(null=True, help_text="Real time.")
    last_try_at = models.DateTimeField(null=True, help_text="Real time.")
    # Somebody pressed a button and waits for what comes of it: tried at once, and once.
    asked_at = models.DateTimeField(null=True, help_text="Real time; null when it was tried.")
    http_status = models.PositiveSmallIntegerField(null=True)
    trouble = models.CharField(max_length=200, blank=True)
    excerpt = models.CharField(max_length=500, blank=True, help_text="Of the answer.")
    elapsed_ms = models.FloatField(null=True)

    objects: ClassVar[Any] = MoveQuerySet["Post"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = POST_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "sequence", "kind"], name="told_once_per_webhook"
            )
        ]
        indexes = [
            models.Index(
                fields=["webhook", "sequence"],
                condition=Q(state=PostState.WAITING),
                name="posts_waiting",
            ),
            models.Index(fields=["webhook", "-made_at"], name="posts_by_webhook"),
        ]


class PracticeRun(models.Model):
    """A scenario that is played to a practice client. Its rows are in the practice world only
    (operations.world), beside the event it plays."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client_id = models.CharField(max_length=100)
    scenario = models.CharField(max_length=20, choices=Scenario)
    event_id = models.BigIntegerField(unique=True)
    wire_id = models.CharField(max_length=64)
    began_at = models.DateTimeField(help_text="Real time.")
    lasts_s = models.PositiveSmallIntegerField(
        help_text="Real seconds from the first step to the last."
    )
    homes = models.PositiveSmallIntegerField(help_text="That were to get the event.")
    over_at = models.DateTimeField(null=True, help_text="Real time.")

    class Meta:
        indexes = [models.Index(fields=["client_id", "-began_at"], name="practice_runs_by_client")]
