"""Proof of consent for whoever checks the utility: what was agreed to, when, from where."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from enrollments.models import Answer, Consent, System, Terms
from enrollments.states import ConsentAct
from people.models import User


@dataclass(frozen=True, slots=True)
class Text:
    """One version of a program's terms, word for word. ``sha256`` of the text in UTF-8, so that it
    can be compared with a copy kept elsewhere."""

    id: int
    program: str
    version: int
    published_at: datetime
    text: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Said:
    """One answer, and the version of the question it was given to."""

    id: int
    program: str
    key: str
    version: int
    text: str
    said: bool
    fitting: bool | None
    at: datetime
    address: str | None


@dataclass(frozen=True, slots=True)
class Act:
    """One row of the ledger. ``serial`` is empty where the program as a whole was agreed to or
    left; ``answers`` are ids of ``Said``. Scopes: what was asked for with the terms, what Carrier
    had granted with a system."""

    id: int
    act: ConsentAct
    at: datetime
    address: str | None
    program: str
    version: int
    serial: str
    system: str
    scopes: tuple[str, ...]
    answers: tuple[int, ...]

    @property
    def is_withdrawal(self) -> bool:
        return self.act == ConsentAct.WITHDRAWN


@dataclass(frozen=True, slots=True)
class Person:
    """``account`` names them in the activity log; the address is empty once it was deleted."""

    account: str
    email: str
    acts: tuple[Act, ...]
    answers: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """All about one system: everybody who ever agreed for it, or owns it now and agreed to a
    program, oldest first, and every text their consents name. Moments are aware; ``zone`` is that
    of the program agreed to last, empty where there is none."""

    zone: str
    serial: str
    name: str
    place: str
    people: tuple[Person, ...]
    texts: tuple[Text, ...]


def proof(system_id: int) -> Proof | None:
    system = System.objects.select_related("grant", "location").filter(id=system_id).first()
    if system is None:
        return None
    concerned = Q(consents__system=system) | Q(pk=system.grant.user_id, consents__isnull=False)
    people = User.objects.filter(concerned).distinct().order_by("id")
    ledger = list(
        Consent.objects.filter(user__in=people)
        .select_related("terms__program", "system")
        .order_by("at", "id")
    )
    answers = list(
        Answer.objects.filter(user__in=people)
        .select_related("question__program")
        .order_by("at", "id")
    )
    where = (system.location.street, system.location.city, system.location.postal)
    return Proof(
        zone=ledger[-1].terms.program.time_zone if ledger else "",
        serial=system.serial,
        name=system.name,
        place=", ".join(part for part in where if part),
        people=tuple(_person(user, ledger, answers) for user in people),
        texts=_texts(ledger),
    )


def _person(user: User, ledger: Sequence[Consent], answers: Sequence[Answer]) -> Person:
    return Person(
        account=f"user:{user.pk}",
        email=user.email if user.is_active else "",
        acts=tuple(_act(row) for row in ledger if row.user_id == user.pk),
        answers=tuple(_said(row) for row in answers if row.user_id == user.pk),
    )


def _act(row: Consent) -> Act:
    return Act(
        id=row.pk,
        act=ConsentAct(row.act),
        at=row.at,
        address=row.address,
        program=row.terms.program.name,
        version=row.terms.version,
        serial=row.system.serial if row.system else "",
        system=row.system.name if row.system else "",
        scopes=tuple(row.scopes),
        answers=tuple(row.answers),
    )


def _said(row: Answer) -> Said:
    asked = row.question
    return Said(
        id=row.pk,
        program=asked.program.name,
        key=asked.key,
        version=asked.version,
        text=asked.text,
        said=row.said,
        fitting=asked.fitting,
        at=row.at,
        address=row.address,
    )


def _texts(ledger: Sequence[Consent]) -> tuple[Text, ...]:
    named: dict[int, Terms] = {row.terms_id: row.terms for row in ledger}
    return tuple(
        Text(
            id=terms.pk,
            program=terms.program.name,
            version=terms.version,
            published_at=terms.published_at,
            text=terms.text,
            sha256=hashlib.sha256(terms.text.encode()).hexdigest(),
        )
        for terms in sorted(named.values(), key=lambda one: (one.program.name, one.version))
    )
