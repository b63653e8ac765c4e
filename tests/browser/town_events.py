"""What a town of homes has lived through: events in every state, and what the utility keeps."""

from datetime import timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F
from django.utils import timezone

from dr_events import operations
from dr_events.dispatch import submit
from dr_events.models import Dispatch, Event, Reading
from dr_events.rules.credit import Basis, Credit
from dr_events.states import Delivery, EventState, OptOutVia, Participation
from enrollments import operations as homes
from enrollments.models import BulkAct, CustomerImport, Location, Notice, Program, System
from enrollments.states import BulkState, BulkVerb, ImportState, NoticeKind, NoticeState
from partners.models import Post
from partners.operations import clients
from partners.states import Happened, PostState
from people.operations import Actor
from people.states import Role
from tests import cast
from tests.browser.town import Town
from tests.cast import MORNING
from tests.integration.conftest import Vendor

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
# How the homes of the running event stand, and those of the one before.
RUNNING: tuple[tuple[Delivery, Participation, str], ...] = (
    (Delivery.CONFIRMED, Participation.ACTIVE, ""),
    (Delivery.CONFIRMED, Participation.ACTIVE, ""),
    (Delivery.CONFIRMED, Participation.OPTED_OUT_DURING, ""),
    (Delivery.ACCEPTED, Participation.UNKNOWN, ""),
    (Delivery.UNSURE, Participation.UNKNOWN, ""),
    (Delivery.SENDING, Participation.UNKNOWN, ""),
    (Delivery.REJECTED, Participation.UNKNOWN, "offset is out of range"),
    (Delivery.PLANNED, Participation.UNKNOWN, ""),
    (Delivery.FAILED, Participation.UNKNOWN, "method not allowed"),
)
PAST = (
    *((Delivery.CONFIRMED, Participation.COMPLETED, ""),) * 5,
    (Delivery.CONFIRMED, Participation.OPTED_OUT_DURING, ""),
    (Delivery.CONFIRMED, Participation.UNREACHABLE, ""),
    (Delivery.UNAUTHORIZED, Participation.UNKNOWN, "the permission is gone"),
    (Delivery.GONE, Participation.UNKNOWN, "no such system"),
)


class BusyTown(Town):
    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self.planner = Actor.person(self.people[Role.OPERATOR])
        self.neighborhood()
        self.events()
        self.drafts()
        self.office()
        self.lists()
        self.acts_for_many()
        self.partners()

    # --- events -----------------------------------------------------------------------------------

    def neighborhood(self) -> None:
        """Nine homes of a program of their own, half of them with another postal code."""
        self.relief = cast.program("Feeder Relief")
        systems = cast.neighborhood(self.relief, len(RUNNING))
        for number, system in enumerate(systems):
            postal = "62702" if number % 2 else "62701"
            Location.objects.filter(pk=system.location_id).update(postal=postal)
            kind = "heatpump" if number % 3 else "ac"
            System.objects.filter(pk=system.pk).update(outdoor_type=kind, firmware="14.02")
        self.everybody["neighbor"] = systems[0].grant.user
        self.keys["neighbor"] = self.session(systems[0].grant.user)

    def planned(self, program: Program, days: int, name: str, **fields: Any) -> Event:
        times = {
            "starts_at": MORNING + 6 * HOUR + days * DAY,
            "ends_at": MORNING + 8 * HOUR + days * DAY,
        }
        wish = cast.wish(name=name, **times, **fields)
        now = MORNING + min(days, 0) * DAY
        return operations.draft(program=program, wish=wish, actor=self.planner, now=now)

    def scheduled(self, program: Program, days: int, name: str, **fields: Any) -> Event:
        event = self.planned(program, days, name, **fields)
        return submit(event_id=event.pk, actor=self.planner, now=MORNING + min(days, 0) * DAY)

    def events(self) -> None:
        past = self.scheduled(self.relief, -1, "Hot afternoon", offset_f=3, response="offset")
        self.became(past, PAST)
        self.closed(past)
        running = self.scheduled(self.relief, 0, "Feeder relief")
        self.shift(running, -6.5 * HOUR)
        self.became(running, RUNNING)
        self.at |= {"past": past.pk, "running": running.pk}
        mine = Dispatch.objects.get(event=running, system__grant__user=self.everybody["neighbor"])
        self.at["running_dispatch"] = mine.pk

        before = self.scheduled(self.summer, -1, "Warm evening")
        self.became(before, PAST[:2])
        self.closed(before)
        own = Dispatch.objects.get(event=before, system_id=self.at["system"])
        self.at["past_dispatch"] = own.pk
        theirs = Dispatch.objects.get(
            event_id=self.at["event"], system__grant__user=self.everybody["home-b"]
        )
        operations.opt_out(
            dispatch_id=theirs.pk, via=OptOutVia.HOME_PAGE,
            actor=Actor.person(self.everybody["home-b"]), now=MORNING,
        )  # fmt: skip
        self.at["no_dispatch"] = theirs.pk
        off = self.scheduled(self.summer, 2, "Cooler than forecast")
        operations.cancel(event_id=off.pk, actor=self.planner, now=MORNING)
        self.at["cancelled"] = off.pk

    def shift(self, event: Event, by: timedelta) -> None:
        names = ("starts_at", "ends_at", "send_at")
        Event.objects.filter(pk=event.pk).update(**{name: F(name) + by for name in names})
        event.refresh_from_db()
        window = DateTimeTZRange(event.starts_at, event.ends_at)
        Dispatch.objects.filter(event=event).update(window=window)

    def became(self, event: Event, ends: Any) -> None:
        """Row by row how it went; those that Carrier had were read every half hour."""
        rows = Dispatch.objects.filter(event=event).order_by("system_id")
        for row, (delivery, part, trouble) in zip(rows, ends, strict=False):
            known = delivery in (Delivery.CONFIRMED, Delivery.ACCEPTED)
            Dispatch.objects.filter(pk=row.pk).update(
                delivery=delivery, participation=part, trouble=trouble, attempts=1,
                sent_at=event.released_at, accepted_at=event.released_at if known else None,
                http_status=200 if known else 400 if trouble else None,
                opted_out_at=event.starts_at + HOUR / 3
                if part == Participation.OPTED_OUT_DURING
                else None,
            )  # fmt: skip
            if delivery == Delivery.CONFIRMED:
                self.read(event, row)

    def read(self, event: Event, row: Dispatch) -> None:
        last = min(event.ends_at + 2 * HOUR, MORNING)
        moment = event.starts_at - HOUR
        while moment <= last:
            warmer = max(0.0, (moment - event.starts_at) / HOUR)
            Reading.objects.create(
                dispatch=row, at=moment, is_online=True, indoor_f=74 + warmer + row.pk % 3 / 2,
                cool_f=75, outdoor_f=97, load=0.2 if warmer else 0.7,
            )  # fmt: skip
            moment += HOUR / 2

    def closed(self, event: Event) -> None:
        Event.objects.filter(pk=event.pk).update(
            state=EventState.COMPLETED, completed_at=event.ends_at
        )

    def drafts(self) -> None:
        self.at["draft"] = self.planned(self.summer, 3, "First thought").pk
        Event.objects.filter(pk=self.at["draft"]).update(sent_back_reason="Half an hour later.")
        eyes = cast.program("Four Eyes", needs_approval=True)
        cast.enrolled(eyes, "2319W000301")
        self.at["waits"] = self.scheduled(eyes, 1, "Needs four eyes").pk

    # --- the office -------------------------------------------------------------------------------

    def office(self) -> None:
        """Groups, a rule of credit, and mail that was sent or not."""
        for name, key, rule in (
            ("On feeder F12", "group_rule", {"feeders": ["F12"], "postal_codes": ["62701"]}),
            ("Staff homes", "group_hand", {}),
            ("Last year", "group_retired", {}),
        ):
            group = homes.make_group(
                program=self.summer, name=name, rule=rule, actor=self.planner, now=MORNING
            )
            self.at[key] = group.pk
            if key == "group_hand":
                homes.add_members(
                    group=group, serials=["2319W004821", "2319W000201"], since=MORNING.date(),
                    until=None, actor=self.planner, now=MORNING,
                )  # fmt: skip
        homes.retire_group(group_id=self.at["group_retired"], actor=self.planner, now=MORNING)
        credit = Credit(Basis.EVENTS, 65, 2000, 150)
        operations.set_credit(slug="summer-peak", credit=credit, actor=self.actor, now=MORNING)
        event = f"event:{self.at['event']}"
        for name, kind, subject, state in (
            ("home-a", NoticeKind.ANNOUNCED, event, NoticeState.SENT),
            ("home-b", NoticeKind.ANNOUNCED, event, NoticeState.WAITING),
            ("broken", NoticeKind.PERMISSION_LOST, "grant:0:1784037600", NoticeState.DROPPED),
        ):
            user = self.everybody[name]
            Notice.objects.create(
                user=user, kind=kind, subject=subject, state=state, made_at=MORNING,
                due_at=MORNING,
                sent_at=MORNING if state == NoticeState.SENT else None, sent_to=user.email,
                trouble="550 no such mailbox" if state == NoticeState.DROPPED else "",
            )  # fmt: skip

    def lists(self) -> None:
        """A list of customers at every stage."""
        faults = [
            {"line": 3, "column": "postal_code", "sentence": "A postal code has 5 or 9 digits."},
            {"line": 7, "column": "account", "sentence": "This account is in line 2 already."},
        ]
        stages: tuple[tuple[str, ImportState, dict[str, Any]], ...] = (
            ("new", ImportState.UPLOADED, {"bytes_read": 40_000}),
            ("faulty", ImportState.REFUSED, {"fault_count": 2, "faults": faults, "lines_read": 9}),
            ("right", ImportState.CHECKED, {"added": 812, "changed": 41, "unchanged": 99_147}),
            ("writing", ImportState.WRITING, {"lines_read": 100_000}),
            ("done", ImportState.DONE, {"added": 812, "changed": 41, "unchanged": 99_147}),
            ("refused", ImportState.REFUSED, {"trouble": "The column account is missing."}),
            ("dropped", ImportState.DROPPED, {}),
        )
        for name, state, fields in stages:
            is_over = state in (ImportState.DONE, ImportState.REFUSED, ImportState.DROPPED)
            made = CustomerImport.objects.create(
                file_name=f"{name}.csv", state=state, body=None if is_over else b"x", size=90_000,
                uploaded_by=self.actor.name, uploaded_at=MORNING,
                ended_at=MORNING if is_over else None, **fields,
            )  # fmt: skip
            self.at[f"import_{name}"] = made.pk

    def acts_for_many(self) -> None:
        """Before it is confirmed, half way, and over."""
        systems = list(System.objects.order_by("id").values_list("id", flat=True))
        for name, state, looked_at in (
            ("prepared", BulkState.PREPARED, 0),
            ("working", BulkState.RUNNING, 5),
            ("done", BulkState.DONE, len(systems)),
        ):
            made = BulkAct.objects.create(
                act=BulkVerb.PAUSE, why="Storm repair on the feeder", filter="state=ACTIVE",
                systems=systems, total=len(systems), in_program=len(systems) - 3, state=state,
                asked_by=self.planner.name, asked_at=MORNING, looked_at=looked_at,
                done=max(0, looked_at - 2), unchanged={"It is paused already.": 2},
                ended_at=MORNING if state == BulkState.DONE else None,
            )  # fmt: skip
            self.at[f"many_{name}"] = made.pk

    def partners(self) -> None:
        """A practice client; messages of a webhook that arrived, wait, or were given up."""
        made = clients.create(
            name="Leap, practising", slugs=[], read_only=False, is_practice=True,
            actor=self.planner, now=MORNING, real_now=timezone.now(),
        )  # fmt: skip
        self.at["practice"] = made.client_id
        now = timezone.now()
        for number, (state, status, said) in enumerate(
            ((PostState.DELIVERED, 200, "ok"), (PostState.FAILED, 503, "try later"))
        ):
            Post.objects.create(
                webhook_id=self.at["hook"], sequence=1_000_000 + number, body="{}", state=state,
                kind=Happened.EVENT_SUBMITTED, made_at=now, tries=1 + number * 8, last_try_at=now,
                http_status=status, excerpt=said, elapsed_ms=81.0,
            )  # fmt: skip
