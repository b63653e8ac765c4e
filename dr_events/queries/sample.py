"""Some of an event's homes where there are many: for drawings and for looks around it."""

from dr_events.models import Dispatch

# Of more homes than _ALL_UP_TO about so many are used.
_ALL_UP_TO, _SOME = 1000, 500


def some_of(event_id: int, *, at_least: int = 0) -> int:
    """About how many homes of an event are used; 0: all of them. ``at_least``: so many homes the
    event is known to have."""
    many = at_least > _ALL_UP_TO or Dispatch.objects.filter(event=event_id)[_ALL_UP_TO:].exists()
    return _SOME if many else 0


# The rows of an event: all, or those found at even steps between its lowest and highest system.
# MATERIALIZED: first the homes, from the index of (event, system), then what belongs to each.
_ALL_HOMES = """
WITH homes AS MATERIALIZED (
    SELECT id, accepted_at, delivery, participation
    FROM dr_events_dispatch WHERE event_id = %(event)s
)"""
_SOME_HOMES = """
WITH ends AS (
    SELECT min(system_id) AS low, max(system_id) AS high
    FROM dr_events_dispatch WHERE event_id = %(event)s
), homes AS MATERIALIZED (
    SELECT DISTINCT d.id, d.accepted_at, d.delivery, d.participation
    FROM ends CROSS JOIN generate_series(low, high, greatest(1, (high - low) / %(some)s)) AS step
    CROSS JOIN LATERAL (
        SELECT id, accepted_at, delivery, participation FROM dr_events_dispatch
        WHERE event_id = %(event)s AND system_id >= step ORDER BY system_id LIMIT 1
    ) d
)"""


def homes(some: int) -> str:
    """``WITH homes AS (id, accepted_at, delivery, participation)`` of event ``%(event)s``;
    ``some`` as some_of told, and a parameter."""
    return _SOME_HOMES if some else _ALL_HOMES
