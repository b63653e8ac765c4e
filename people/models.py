"""Users sign in by e-mail; entries of the activity log are only ever added."""

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from base.moves import MoveQuerySet
from people.states import (
    INVITATION_MOVES,
    MAY_APPROVE,
    MAY_MANAGE,
    MAY_OPERATE,
    MAY_SERVE,
    STAFF,
    InvitationState,
    Role,
)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        fields |= {"is_staff": True, "is_superuser": True, "role": Role.ADMIN}
        return self.create_user(email, password, **fields)


class User(AbstractUser):
    username = None  # type: ignore[assignment]
    email = models.EmailField("e-mail address", unique=True)
    role = models.CharField(max_length=20, choices=Role, default=Role.HOMEOWNER)

    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="one_user_per_email"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="known_role"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_operator(self) -> bool:
        """Works for the utility and may see the console."""
        return self.role in STAFF

    @property
    def may_operate(self) -> bool:
        return self.role in MAY_OPERATE

    @property
    def may_approve(self) -> bool:
        return self.role in MAY_APPROVE

    @property
    def may_serve(self) -> bool:
        """May act for one home whose owner asks for it."""
        return self.role in MAY_SERVE

    @property
    def may_manage(self) -> bool:
        """May invite people and decide what each may do."""
        return self.role in MAY_MANAGE


class Invitation(models.Model):
    """A mailed offer to work here in one role. Only the hash of its token is kept. Real time."""

    email = models.EmailField()
    role = models.CharField(max_length=20, choices=Role)
    state = models.CharField(max_length=10, choices=InvitationState, default=InvitationState.OPEN)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=120)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects: ClassVar[Any] = MoveQuerySet["Invitation"].as_manager()
    move_field = "state"
    moves: ClassVar[dict[str, set[str]]] = INVITATION_MOVES  # type: ignore[assignment]

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=Q(state=InvitationState.OPEN),
                name="one_open_invitation_per_email",
            ),
            models.CheckConstraint(
                condition=Q(role__in=sorted(STAFF)), name="invited_to_work_here"
            ),
        ]


class ActivityEntry(models.Model):
    """Who did what to what, when, from where. Written in the transaction of the act itself.

    Seconds later an entry is sealed: it gets its place in one chain and a hash that covers its
    fields and the hash before it (``rules.seal``), once. Beyond that a trigger refuses UPDATE,
    DELETE and TRUNCATE (migration 0004), so that what is written stays as it was.
    """

    at = models.DateTimeField(help_text="Business time.")
    # "user:12", "client:leap", "system": text, so that an entry outlives the account.
    actor = models.CharField(max_length=120)
    verb = models.CharField(max_length=60)
    subject = models.CharField(max_length=120)
    detail = models.JSONField(default=dict)
    address = models.GenericIPAddressField(null=True, blank=True)
    # 1, 2, 3 ... without a gap, in the order of sealing; empty until then.
    position = models.BigIntegerField(null=True, unique=True, editable=False)
    hash = models.BinaryField(null=True, max_length=32, editable=False)

    class Meta:
        verbose_name_plural = "activity entries"
        indexes = [
            models.Index(fields=["-at", "-id"], name="activity_by_time"),
            models.Index(fields=["actor", "-at", "-id"], name="activity_by_actor"),
            models.Index(fields=["subject", "-at", "-id"], name="activity_by_subject"),
            models.Index(fields=["verb", "-at", "-id"], name="activity_by_verb"),
            models.Index(fields=["id"], condition=Q(position=None), name="activity_unsealed"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(position=None, hash=None)
                | Q(position__isnull=False, hash__isnull=False),
                name="sealed_at_once",
            )
        ]
