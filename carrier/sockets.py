"""The descriptors libcurl waits for, and a way to wake whoever waits for them.

libcurl's socket interface is driven here with epoll (poll where there is none). The simpler
`perform` and `select` visit every connection on each turn and cannot count beyond 1,024
descriptors; at 500 in flight and real latencies that costs more than the calls into Python do.
"""

from __future__ import annotations

import select
import socket
from typing import Any

import pycurl

_EVENTS = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
    pycurl.POLL_NONE: 0,
}
_TROUBLE = select.POLLERR | select.POLLHUP


class Sockets:
    """Those of one curl multi. Only `wake` may be called from another thread."""

    def __init__(self, multi: pycurl.CurlMulti) -> None:
        self._multi = multi
        self._watched: dict[int, int] = {}
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._poller, self._per_ms = _new_poller()
        self._poller.register(self._wake_out.fileno(), select.POLLIN)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)

    def wake(self) -> None:
        """End the `turn` that waits now, or the next one."""
        try:
            self._wake_in.send(b"w")
        except BlockingIOError:
            return  # it has not even read the last ones
        except OSError:
            return  # closed meanwhile

    def turn(self, wait_ms: float) -> None:
        """Wait for something to be ready, at most `wait_ms` (-1: for ever); let libcurl work on
        it."""
        multi, watched = self._multi, self._watched
        wake = self._wake_out.fileno()
        for fd, bits in self._poller.poll(wait_ms if wait_ms < 0 else wait_ms * self._per_ms):
            if fd == wake:
                self._wake_out.recv(4096)
            elif watched.get(fd):
                action = pycurl.CSELECT_IN if bits & select.POLLIN else 0
                if bits & select.POLLOUT:
                    action |= pycurl.CSELECT_OUT
                if bits & _TROUBLE:
                    action |= pycurl.CSELECT_ERR
                multi.socket_action(fd, action)
            else:  # an idle connection was closed by the server; libcurl finds out on its own
                self._poller.unregister(fd)
                watched.pop(fd, None)

    def close(self) -> None:
        self._wake_in.close()
        self._wake_out.close()
        if hasattr(self._poller, "close"):
            self._poller.close()

    def _watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        """libcurl's wish to be told about a descriptor.

        One that it no longer cares about stays registered: its connection is kept alive and is
        wanted again in a moment. The kernel forgets it when it is closed, so "not found" is normal
        for a number that comes back.
        """
        if what == pycurl.POLL_REMOVE:
            self._watched[fd] = 0
            return
        events = _EVENTS[what]
        try:
            self._poller.modify(fd, events)
        except FileNotFoundError:
            self._poller.register(fd, events)
        self._watched[fd] = what


def _new_poller() -> tuple[Any, float]:
    """A poll object, and what one millisecond is in the unit its `poll` takes."""
    if hasattr(select, "epoll"):
        return select.epoll(), 0.001
    return select.poll(), 1.0
