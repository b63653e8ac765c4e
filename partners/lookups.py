"""Window to the name servers: which addresses a name has, within a deadline.

The system's resolver knows no deadline of ours and cannot be called off. So it is asked in a thread
that nobody waits for longer than DEADLINE_S; it ends when the resolver gives up.
"""

import socket
from collections.abc import Sequence
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread

from base.refusal import Refused

DEADLINE_S = 3.0
# Threads that wait for silent name servers; beyond them nobody is asked until some are back.
MOST_WAITING = 32
_room = BoundedSemaphore(MOST_WAITING)
# What the name servers say when they answer, and know no such name or no address of it.
_NONE = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def addresses_of(host: str, port: int) -> Sequence[str]:
    """The addresses of this name now, none if it is not known. Raises Refused (code ``lookup``)
    when the name servers do not say: the same question may be answered in a moment."""
    room = _room
    if not room.acquire(blocking=False):
        raise _silent()
    found: Future[list[str]] = Future()
    Thread(target=_ask, args=(host, port, found, room), daemon=True).start()
    try:
        return found.result(DEADLINE_S)
    except UnicodeError:  # no name at all
        return []
    except socket.gaierror as error:
        if error.errno in _NONE:
            return []
        raise _silent() from None
    except OSError:  # also the deadline
        raise _silent() from None


def _ask(host: str, port: int, found: "Future[list[str]]", room: BoundedSemaphore) -> None:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        found.set_result(list(dict.fromkeys(str(row[4][0]) for row in rows)))
    except Exception as error:  # told to whoever asked
        found.set_exception(error)
    finally:
        room.release()


def _silent() -> Refused:
    return Refused(
        "The name servers did not answer in time. Nothing was done; try again in a moment.",
        field="url",
        code="lookup",
    )
