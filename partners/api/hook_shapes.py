"""What the API answers about webhooks, for the OpenAPI document; see shapes."""

from rest_framework import serializers

from partners.api.shapes import moment
from partners.states import Happened, HookState, PostState

KINDS = [one for one in Happened.choices if one[0] != Happened.TEST]


class Webhook(serializers.Serializer):
    id = serializers.CharField()
    url = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(KINDS), help_text="Empty: all.")
    state = serializers.ChoiceField(HookState.choices)
    key_id = serializers.CharField(help_text="Of the newest secret.")
    made_at = moment()
    failing_since = moment("It has not answered 2xx since.", null=True)
    paused_at = moment(null=True)
    paused_why = serializers.CharField(allow_blank=True, help_text="Empty: somebody asked for it.")


class NewWebhook(serializers.Serializer):
    webhook = Webhook()
    key_id = serializers.CharField()
    secret = serializers.CharField(
        allow_null=True, help_text="Keep it. Null in a repeated answer when it is good no more."
    )


class Message(serializers.Serializer):
    id = serializers.CharField(help_text="Offpeak-Delivery.")
    type = serializers.ChoiceField(Happened.choices)
    sequence = serializers.IntegerField()
    state = serializers.ChoiceField(PostState.choices)
    made_at = moment()
    tries = serializers.IntegerField()
    last_try_at = moment(null=True)
    http_status = serializers.IntegerField(allow_null=True)
    trouble = serializers.CharField(allow_blank=True)
    body = serializers.CharField(help_text="What is signed, byte for byte.")
