"""When a receiver that did not answer is asked again."""

from datetime import timedelta

# After the first failure, the second and so on; the last one repeats. About eight hours in all.
WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 120, 300, 900, 1800, 3600, 3600, 7200, 10800)
)
GIVE_UP_AFTER = timedelta(hours=8)


def wait(failures: int, *, dice: float) -> timedelta:
    """How long to wait after so many failures in a row; ``dice`` in [0, 1) spreads it by a fifth
    either way, so that many receivers of one host do not come back in the same second."""
    return WAITS[min(failures, len(WAITS)) - 1] * (0.8 + 0.4 * dice)


def is_ok(status: int | None) -> bool:
    """Any 2xx is a thank-you. A redirect is not followed, so it is none."""
    return status is not None and 200 <= status < 300
