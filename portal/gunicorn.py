"""Web server settings: ``gunicorn -c portal/gunicorn.py portal.wsgi``."""

import os
import re
import signal
from typing import Any

from gunicorn.glogging import Logger

from portal.embedded import die_with_parent

bind = os.environ.get("WEB_BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
worker_class = "gthread"
timeout = 60
graceful_timeout = 20
# Since version 25 gunicorn opens a control socket in the home folder; two installations would
# share it.
control_socket_disable = True
accesslog = "-"
# The path without its query: a callback's code must not end up in a log.
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


class Discreet(Logger):
    """An address from a mail is a key: its token stays out of the log."""

    def atoms(self, *args: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().atoms(*args)
        found["U"] = re.sub(r"^/(o|m|calendar)/.+", r"/\1/-", found["U"])
        return found


logger_class = Discreet


def post_fork(server: Any, worker: Any) -> None:
    die_with_parent(signal.SIGKILL, parent=worker.ppid)
