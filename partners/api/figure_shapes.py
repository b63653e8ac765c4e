"""What the API answers about how an event went, for the OpenAPI document; see shapes."""

from rest_framework import serializers

from dr_events.states import Delivery, EventState, Participation
from enrollments.states import EVENT_MAIL, NoticeKind, NoticeState
from partners.api.shapes import Reason, moment

PERIODS = [("day", "Day"), ("week", "Week, from Monday"), ("season", "Season")]
PARTS = [("before", "Before"), ("during", "During"), ("after", "After")]
ABOUT_EVENTS = [one for one in NoticeKind.choices if one[0] in EVENT_MAIL]


class Interval(serializers.Serializer):
    starts_at = moment()
    ends_at = moment()
    part = serializers.ChoiceField(PARTS, help_text="Of the event.")
    homes = serializers.IntegerField(help_text="That reported in it.")
    online = serializers.IntegerField()
    load = serializers.FloatField(
        allow_null=True, help_text="Their mean share of full cooling, 0 to 1."
    )
    opted_out = serializers.IntegerField(help_text="Homes that had said no by its end.")


class Intervals(serializers.Serializer):
    event = serializers.CharField()
    state = serializers.ChoiceField(EventState.choices)
    sampled = serializers.IntegerField(
        help_text="0: all homes. Else about so many stand for all, but for `opted_out`."
    )
    items = Interval(many=True)


class HomeResult(serializers.Serializer):
    system = serializers.CharField(help_text="Serial.")
    delivery = serializers.ChoiceField(Delivery.choices)
    participation = serializers.ChoiceField(Participation.choices)
    reason = Reason(allow_null=True)
    asked_s = serializers.IntegerField(help_text="0: it was never asked.")
    took_part_s = serializers.IntegerField(
        allow_null=True, help_text="Null until the event is completed."
    )
    opted_out_at = moment(null=True)


class NoticeCount(serializers.Serializer):
    kind = serializers.ChoiceField(ABOUT_EVENTS)
    state = serializers.ChoiceField(NoticeState.choices)
    people = serializers.IntegerField()


class Notices(serializers.Serializer):
    event = serializers.CharField()
    items = NoticeCount(many=True)


class Left(serializers.Serializer):
    period = serializers.ChoiceField(PERIODS)
    begins_at = moment()
    ends_at = moment("First moment after it.")
    most = serializers.IntegerField(help_text="Events a home may get in it.")
    used = serializers.IntegerField()
    left = serializers.IntegerField()


class ProgramLimits(serializers.Serializer):
    program = serializers.CharField()
    at = moment()
    items = Left(many=True)


class SystemLimits(ProgramLimits):
    system = serializers.CharField()
