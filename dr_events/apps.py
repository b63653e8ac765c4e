from ast import literal_eval
from calendar import day_name

from django.apps import AppConfig


class DrEventsConfig(AppConfig):
    name = "dr_events"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from dr_events.rules.credit import Basis
        from dr_events.states import Response
        from people.queries.facts import known

        known("revise", "keep-template", "drop-template", response=Response)
        # A changed draft is kept as Python prints it: None, [] and True are said in words.
        printed = (
            "offset_f", "cool_f", "heat_f", "price_cents", "is_test", "postal_codes", "groups",
        )  # fmt: skip
        known("revise", **dict.fromkeys(printed, literal_eval))
        known("set-credit", basis=Basis)
        known("add-program", "change-program", weekdays=lambda number: day_name[number])
