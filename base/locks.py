"""Keys of PostgreSQL's advisory locks.

All of them share one number range in a database, so each kind has a space of its own, told by the
key's first byte; the seven bytes below are the kind's own. A new kind is added here.
"""

from enum import IntEnum


class LockSpace(IntEnum):
    """The first byte of a key, in its place: ``LockSpace.CLAIM | number``."""

    SEAL = 0x0C << 56  # one process seals the activity log
    CLAIM = 0x0D << 56  # the sender of a claim is alive
    STREAM = 0x0E << 56  # one process sends on this stream of an event
    ROUND = 0x0F << 56  # one process looks at an event's homes
    PACE = 0x10 << 56  # a share of Carrier's limits, and who wishes for how many
    TALLY = 0x11 << 56  # one request counts an event's final figures
    MAILER = 0x12 << 56  # one process sends mail
    CUSTOMERS = 0x13 << 56  # one process writes a list of customers
