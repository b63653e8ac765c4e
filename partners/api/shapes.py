"""What the API answers, described for the OpenAPI document. The answers themselves are built by
``partners.queries.documents``; tests hold the two against each other."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_field, inline_serializer
from rest_framework import serializers

from dr_events.states import Delivery as DeliveryState
from dr_events.states import EventState, OptOutVia, Participation
from dr_events.states import Reason as ReasonCode
from dr_events.states import Response as Reaction
from enrollments.states import EnrollmentState, Ineligible
from partners.api.fields import Moment, Number
from partners.states import Scenario

REASONS = [one for one in ReasonCode.choices if one[0]]
UNITS = [("F", "Fahrenheit"), ("C", "Celsius")]
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    location=OpenApiParameter.HEADER,
    type={"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    description="Yours, new for each new request. The same key and body get the first answer "
    "again for 48 hours; nothing is done twice.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    description="The event's ETag as you read it; 412 when it has changed since.",
)
MUST_MATCH = OpenApiParameter(
    "If-Match",
    location=OpenApiParameter.HEADER,
    required=True,
    description="The ETag as you read it; 428 without it, 412 when it has changed since.",
)


def listed(shape: type[serializers.Serializer]) -> Any:
    """A page of them."""
    return inline_serializer(
        f"{shape.__name__}Page",
        {
            "items": shape(many=True),
            "next": serializers.URLField(
                allow_null=True, help_text="The next page, as it stands; null on the last one."
            ),
        },
    )


def moment(words: str = "", *, null: bool = False) -> Moment:
    return Moment(help_text=words, allow_null=null)


class Program(serializers.Serializer):
    slug = serializers.CharField()
    name = serializers.CharField()
    summary = serializers.CharField()
    reward = serializers.CharField()
    time_zone = serializers.CharField(help_text="IANA name; clock times and dates are local to it.")
    season_from = serializers.CharField(help_text="MM-DD, inclusive.")
    season_to = serializers.CharField(help_text="MM-DD, inclusive; may run over new year.")
    hours_from = serializers.CharField(help_text="HH:MM; an event lies within.")
    hours_to = serializers.CharField(help_text="HH:MM; 00:00 is midnight.")
    weekdays = serializers.ListField(child=serializers.IntegerField(), help_text="0 is Monday.")
    holidays = serializers.ListField(child=serializers.DateField(), help_text="No events.")
    max_event_minutes = serializers.IntegerField()
    min_useful_minutes = serializers.IntegerField()
    max_per_day = serializers.IntegerField(help_text="Of each home.")
    max_per_week = serializers.IntegerField()
    max_per_season = serializers.IntegerField()
    min_rest_minutes = serializers.IntegerField()
    min_notice_minutes = serializers.IntegerField(help_text="From planning to the start.")
    send_lead_minutes = serializers.IntegerField(help_text="Sending begins so long before.")
    max_offset_f = Number(max_digits=3, decimal_places=1)
    max_cool_f = Number(max_digits=4, decimal_places=1)
    min_heat_f = Number(max_digits=4, decimal_places=1)
    needs_approval = serializers.BooleanField(help_text="A second person releases each event.")
    is_open = serializers.BooleanField(help_text="New homes may enroll.")


class Group(serializers.Serializer):
    name = serializers.CharField()
    rule = serializers.CharField(allow_blank=True, help_text="In words; empty: by hand only.")
    systems = serializers.IntegerField(help_text="In it today, by its rule or by hand.")


class Obstacle(serializers.Serializer):
    code = serializers.ChoiceField(Ineligible.choices)
    detail = serializers.CharField()


class System(serializers.Serializer):
    serial = serializers.CharField()
    program = serializers.CharField()
    enrollment = serializers.ChoiceField(EnrollmentState.choices)
    brand = serializers.CharField()
    model = serializers.CharField()
    outdoor_type = serializers.CharField()
    capacity_kbtu = Number(max_digits=5, decimal_places=1, allow_null=True)
    unit = serializers.ChoiceField(UNITS, help_text="What the home shows.")
    is_online = serializers.BooleanField()
    dr_enabled = serializers.BooleanField(allow_null=True)
    obstacle = Obstacle(allow_null=True, help_text="What keeps it from taking part.")
    read_at = moment("Last read at Carrier.", null=True)
    updated_at = moment("Last read, or last change of the enrollment.")


class Enrollment(serializers.Serializer):
    system = serializers.CharField(help_text="Serial.")
    program = serializers.CharField()
    state = serializers.ChoiceField(EnrollmentState.choices)
    paused_from = moment("Of the pause it has or will have.", null=True)
    paused_until = moment("Not part of the pause; null: until it is resumed.", null=True)
    enrolled_at = moment("When the home joined.")
    changed_at = moment("Last change, also of the pause; what `updated_since` compares with.")


class Event(serializers.Serializer):
    id = serializers.CharField()
    program = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(EventState.choices)
    is_yours = serializers.BooleanField(help_text="Your client planned it and may cancel it.")
    starts_at = moment()
    ends_at = moment()
    response = serializers.ChoiceField(Reaction.choices)
    offset_f = Number(max_digits=3, decimal_places=1, allow_null=True)
    cool_f = Number(max_digits=4, decimal_places=1, allow_null=True)
    heat_f = Number(max_digits=4, decimal_places=1, allow_null=True)
    price_cents = Number(max_digits=6, decimal_places=2, allow_null=True, help_text="Per kWh.")
    is_test = serializers.BooleanField()
    randomize_start_s = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)
    postal_codes = serializers.ListField(child=serializers.CharField())
    groups = serializers.ListField(child=serializers.CharField(), help_text="Names.")
    share_percent = serializers.IntegerField()
    control_percent = serializers.IntegerField()
    created_at = moment()
    send_at = moment("When sending begins.", null=True)
    scheduled_at = moment(null=True)
    cancelled_at = moment(null=True)
    completed_at = moment(null=True)
    sent_back_reason = serializers.CharField(allow_blank=True)


class Reason(serializers.Serializer):
    code = serializers.ChoiceField(REASONS)
    detail = serializers.CharField()


class LeftOut(Reason):
    systems = serializers.IntegerField()


class Preview(serializers.Serializer):
    targeted = serializers.IntegerField(help_text="Homes that would get it.")
    offline = serializers.IntegerField(help_text="Of these, not reached when last read.")
    left_out = LeftOut(many=True)


class Cancelled(serializers.Serializer):
    event = Event()
    spared = serializers.IntegerField(help_text="Homes that will never be sent it.")


class OptedOut(serializers.Serializer):
    system = serializers.CharField()
    in_time = serializers.BooleanField(
        help_text="False: Carrier has it, and only the wall control can stop it."
    )


class OptOut(serializers.Serializer):
    system = serializers.CharField(help_text="Serial.")
    at = moment("When it was said.")
    via = serializers.ChoiceField(OptOutVia.choices, help_text="By which way it reached us.")
    in_time = serializers.BooleanField(
        help_text="False: Carrier had it, and only the wall control could stop it."
    )
    taken_back_at = moment("When the home said yes again; null: the no holds.", null=True)


class Delivery(serializers.Serializer):
    system = serializers.CharField(help_text="Serial.")
    delivery = serializers.ChoiceField(DeliveryState.choices)
    participation = serializers.ChoiceField(Participation.choices)
    reason = Reason(allow_null=True)
    http_status = serializers.IntegerField(allow_null=True, help_text="Carrier's last answer.")
    sent_at = moment("Real time.", null=True)
    accepted_at = moment("Real time.", null=True)
    confirmed_at = moment(null=True)
    opted_out_at = moment(null=True)
    read_at = moment(null=True)


@extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
class Counts(serializers.DictField):
    """How many in each state; states with none are absent."""


class Results(serializers.Serializer):
    event = serializers.CharField()
    state = serializers.ChoiceField(EventState.choices)
    targeted = serializers.IntegerField(help_text="Homes that were to get it.")
    open = serializers.IntegerField(help_text="Planned, sending or unsure.")
    accepted = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    unsure = serializers.IntegerField()
    failed = serializers.IntegerField()
    participating = serializers.IntegerField()
    opted_out = serializers.IntegerField()
    said_no_late = serializers.IntegerField()
    delivery = Counts()
    participation = Counts()
    left_out = LeftOut(many=True)
    first_sent_at = moment("Real time.", null=True)
    last_accepted_at = moment("Real time.", null=True)


class Promised(serializers.Serializer):
    """Fields of the results as they are when the run is over."""

    state = serializers.ChoiceField(EventState.choices)
    targeted = serializers.IntegerField()
    open = serializers.IntegerField()
    accepted = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    unsure = serializers.IntegerField()
    failed = serializers.IntegerField()
    participating = serializers.IntegerField()
    opted_out = serializers.IntegerField()


class Run(serializers.Serializer):
    id = serializers.CharField()
    scenario = serializers.ChoiceField(Scenario.choices)
    event = serializers.CharField(help_text="Id of the event that is played.")
    is_over = serializers.BooleanField()
    began_at = moment("Real time.")
    ends_at = moment("Real time of its last step.")
    promised = Promised(help_text="The results it ends with.")
