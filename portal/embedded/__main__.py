"""`python -m portal.embedded`; the words of use stand in the package."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import portal.embedded
from portal.embedded import EmbeddedError, die_with_parent, servers


def main(arguments: list[str]) -> int:
    options, command = arguments, []
    if "--" in arguments:
        options, command = (
            arguments[: arguments.index("--")],
            arguments[arguments.index("--") + 1 :],
        )
    if set(options) - {"--throwaway"}:
        say(portal.embedded.__doc__ or "")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        root = Path(__file__).resolve().parents[2]
        if throwaway := "--throwaway" in options:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="offpeak-")))
        try:
            database, broker = stack.enter_context(servers(root, keep=not throwaway))
        except EmbeddedError as error:
            say(error)
            return 1
        urls = {"DATABASE_URL": database.url, "REDIS_URL": broker.url}
        if command:
            return _run_command(command, {**os.environ, **urls})
        for variable, url in urls.items():
            print(f"export {variable}='{url}'", flush=True)  # noqa: T201 - its product
        say("Both servers run until Ctrl-C.")
        with contextlib.suppress(KeyboardInterrupt):
            signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


def say(words: object) -> None:
    print(words, file=sys.stderr)  # noqa: T201 - the person's side of a command


def _run_command(command: list[str], env: dict[str, str]) -> int:
    try:
        child = subprocess.Popen(
            command,
            env=env,
            preexec_fn=functools.partial(die_with_parent, signal.SIGTERM, os.getpid()),
        )
    except OSError as error:
        say(f"{command[0]}: {error.strerror}")
        return 127
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait(30)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
